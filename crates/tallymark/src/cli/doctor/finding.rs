//! The result of a check, for people and for programs.

use crate::cli::out;
use anyhow::Result as Told;
use serde::{Serialize, Serializer};

/// How it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grade {
    Pass,
    /// It works, but will not always, or it could not be looked at.
    Warn,
    /// Hits are lost, or badges are wrong.
    Fail,
}

impl Grade {
    fn word(self) -> &'static str {
        match self {
            Grade::Pass => "PASS",
            Grade::Warn => "WARN",
            Grade::Fail => "FAIL",
        }
    }
}

impl Serialize for Grade {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What was checked; a program may rely on it.
    pub(super) check: &'static str,
    pub(super) verdict: Grade,
    /// What was found.
    pub(super) text: String,
    /// What mends it: a command, or a setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) fix: Option<String>,
}

/// All results, told as they come: a check may take seconds.
#[derive(Debug)]
pub(super) struct Findings {
    all: Vec<Finding>,
    quiet: bool,
}

impl Findings {
    /// `quiet` ones are printed at the end, by [`Findings::all`].
    pub(super) fn new(quiet: bool) -> Findings {
        Findings { all: Vec::new(), quiet }
    }

    pub(super) fn pass(&mut self, check: &'static str, text: impl Into<String>) -> Told<()> {
        self.tell(Finding { check, verdict: Grade::Pass, text: text.into(), fix: None })
    }

    pub(super) fn warn(
        &mut self,
        check: &'static str,
        text: impl Into<String>,
        fix: impl Into<String>,
    ) -> Told<()> {
        self.tell(Finding { check, verdict: Grade::Warn, text: text.into(), fix: Some(fix.into()) })
    }

    pub(super) fn fail(
        &mut self,
        check: &'static str,
        text: impl Into<String>,
        fix: impl Into<String>,
    ) -> Told<()> {
        self.tell(Finding { check, verdict: Grade::Fail, text: text.into(), fix: Some(fix.into()) })
    }

    fn tell(&mut self, finding: Finding) -> Told<()> {
        if !self.quiet {
            out::print(&people(&finding))?;
        }
        self.all.push(finding);
        Ok(())
    }

    pub(super) fn all(&self) -> &[Finding] {
        &self.all
    }

    pub(super) fn count(&self, verdict: Grade) -> usize {
        self.all.iter().filter(|finding| finding.verdict == verdict).count()
    }
}

fn people(finding: &Finding) -> String {
    let mut text =
        format!("{}  {:<10}  {}\n", finding.verdict.word(), finding.check, out::plain(&finding.text));
    if let Some(fix) = &finding.fix {
        text += &format!("                  {}\n", out::plain(fix));
    }
    text
}
