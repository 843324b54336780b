//! What a process has used, from /proc.

use anyhow::Context;
use std::fs;

/// The kernel shows times in hundredths of a second to user space on every architecture we run on.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system time of a process, all threads, in seconds. Children are not in it.
pub(crate) fn cpu(pid: u32) -> anyhow::Result<f64> {
    // utime and stime: the 14th and 15th field, of which the name is the second.
    times(&format!("/proc/{pid}/stat"), 11)
}

/// The same of all children of ours that have ended.
pub(crate) fn children() -> anyhow::Result<f64> {
    times("/proc/self/stat", 13)
}

fn times(path: &str, first: usize) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(path).with_context(|| path.to_owned())?;
    // The name in parentheses may hold blanks.
    let fields = stat.rsplit_once(')').context("a stat line has a name")?.1;
    let ticks = |at: usize| -> anyhow::Result<f64> {
        Ok(fields.split_whitespace().nth(at).context("a stat line has 52 fields")?.parse()?)
    };
    Ok((ticks(first)? + ticks(first + 1)?) / TICKS_PER_SECOND)
}

/// Resident memory now and at its highest, in MiB.
pub(crate) fn memory(pid: u32) -> anyhow::Result<(f64, f64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| -> anyhow::Result<f64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).context("no such field")?;
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
        Ok(kilobytes / 1024.0)
    };
    Ok((field("VmRSS:")?, field("VmHWM:")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_process_has_time_and_memory() {
        let us = std::process::id();
        assert!(cpu(us).unwrap() >= 0.0);
        let (now, highest) = memory(us).unwrap();
        assert!(now > 0.5 && highest >= now);
    }
}
