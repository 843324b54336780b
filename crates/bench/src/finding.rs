//! The result of a row: one line of the table.

use serde::{Deserialize, Serialize};

/// One measured workload, ours beside the peer's.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub(crate) work: String,
    pub(crate) peer: String,
    pub(crate) ours: String,
    pub(crate) ratio: String,
    pub(crate) target: String,
    /// `None`: only measured, nothing is promised.
    pub(crate) met: Option<bool>,
}

impl Finding {
    /// Whether the target was met, in a word.
    pub(crate) fn verdict(&self) -> &'static str {
        match self.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "-",
        }
    }
}

/// For people at a terminal.
pub(crate) fn print(findings: &[Finding]) {
    for finding in findings {
        println!(
            "\n  {}\n    peer    {}\n    ours    {}\n    ratio   {}\n    target  {}: {}",
            finding.work,
            finding.peer,
            finding.ours,
            finding.ratio,
            finding.target,
            finding.verdict()
        );
    }
}

/// As rows of a table in Markdown.
pub(crate) fn markdown(findings: &[Finding]) -> String {
    let mut text =
        "| work | peer | ours | ratio | target | |\n| --- | --- | --- | --- | --- | --- |\n".to_owned();
    for finding in findings {
        let Finding { work, peer, ours, ratio, target, .. } = finding;
        text += &format!("| {work} | {peer} | {ours} | {ratio} | {target} | {} |\n", finding.verdict());
    }
    text
}
