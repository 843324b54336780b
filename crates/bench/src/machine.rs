//! The machine a measurement belongs to.

use std::{fs, process::Command};

/// Cores, processor, memory, kernel and the limits that matter here.
pub(crate) fn line() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let gigabytes = memory.trim_end_matches(" kB").parse::<u64>().unwrap_or(0) >> 20;
    let kernel = read("/proc/sys/kernel/osrelease");
    let (rmem, somaxconn) = (read("/proc/sys/net/core/rmem_max"), read("/proc/sys/net/core/somaxconn"));
    let files = temporary_files();
    format!(
        "{cores} cores ({cpu}), {gigabytes} GiB, Linux {kernel}, rmem_max {rmem}, somaxconn {somaxconn}, files on {files}"
    )
}

/// The kind of filesystem that stores and badges are on: that of the temporary directory. TMPDIR chooses another.
fn temporary_files() -> String {
    let found = Command::new("findmnt").args(["-n", "-o", "FSTYPE", "-T"]).arg(std::env::temp_dir()).output();
    let kind =
        found.map_or_else(|_| String::new(), |it| String::from_utf8_lossy(&it.stdout).trim().to_owned());
    // jbd2 shows every journal of the machine; without one, each new inode is searched for among all that were freed
    // in the last minute, and the rows about publishing measure that.
    let journals = fs::read_dir("/proc/fs/jbd2").map_or(0, Iterator::count);
    if kind == "ext4" && journals == 0 { "ext4 without a journal (!)".to_owned() } else { kind }
}

/// What was measured, as git calls it; `+` for a tree that differs from it.
pub(crate) fn commit() -> String {
    let git = |args: &[&str]| {
        let output = Command::new("git").args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let head = git(&["rev-parse", "--short=10", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let clean = git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|text| text.is_empty());
    if clean { head } else { head + "+" }
}

/// Today in UTC.
pub(crate) fn today() -> String {
    let (year, month, day) = tallymark_ingest::source::now().day().date();
    format!("{year}-{month:02}-{day:02}")
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}
