//! Directories, disk and kernel: what a daemon finds when it starts.

use super::{access::OtherUser, finding::Findings};
use crate::{
    cli::logs::{self, LogTrouble},
    config::{Config, Kind},
};
use anyhow::Result;
use std::{fs, net::SocketAddr, path::Path};
use tallymark_store::owner::shell_word;
use thousands::Separable;

/// Below so many free bytes, something is about to stop; below a tenth of them, it has.
const LITTLE: u64 = 1 << 30;
/// Free inodes: each badge is a file.
const FEW: u64 = 10_000;
/// A burst of more datagrams than this is lost, so a smaller queue is worth raising.
const QUEUE: u64 = 512;

pub(super) fn check(config: &Config, uses_nginx: bool, findings: &mut Findings) -> Result<()> {
    for (what, dir) in [("data-dir", &*config.data_dir), ("badges-dir", &*config.badges.dir)] {
        check_disk(what, dir, findings)?;
    }
    check_way_to(&config.badges.dir, uses_nginx, findings)?;
    for source in &config.sources {
        match &source.kind {
            Kind::Udp { listen, receive_buffer, .. } => check_udp(*listen, *receive_buffer as u64, findings)?,
            Kind::Unix { path, .. } => check_unix(path, findings)?,
            Kind::File { path, .. } => check_log(path, &config.data_dir, findings)?,
            Kind::Tcp(_) | Kind::Zmq(_) => {}
        }
    }
    Ok(())
}

fn check_disk(what: &'static str, dir: &Path, findings: &mut Findings) -> Result<()> {
    let shown = dir.display();
    let about = match rustix::fs::statvfs(dir) {
        Ok(about) => about,
        Err(error) => {
            let fix = format!("start tallymark serve with this --{what}, or name the one that it uses");
            return findings.fail(what, format!("{shown} cannot be checked: {error}"), fix);
        }
    };
    let free = about.f_bavail.saturating_mul(about.f_frsize);
    let megabytes = (free >> 20).separate_with_commas();
    // A file system without a fixed number of inodes says 0 of 0.
    let few = about.f_files > 0 && about.f_favail < FEW;
    let look = format!("df -h {0}; df -i {0}", shell_word(dir));
    match (free, few) {
        (free, _) if free < LITTLE / 10 => {
            findings.fail(what, format!("{shown}: the disk is full: {megabytes} MiB free"), look)
        }
        (free, _) if free < LITTLE => {
            findings.warn(what, format!("{shown}: only {megabytes} MiB free"), look)
        }
        (_, true) => {
            let left = about.f_favail.separate_with_commas();
            findings.warn(what, format!("{shown}: only {left} inodes free, and each badge is a file"), look)
        }
        _ => findings.pass(what, format!("{shown}: {megabytes} MiB free")),
    }
}

/// Whether nginx gets through to the badges.
fn check_way_to(badges: &Path, uses_nginx: bool, findings: &mut Findings) -> Result<()> {
    const CHECK: &str = "access";
    if !uses_nginx {
        return findings.pass(CHECK, "no nginx here serves the badges");
    }
    let Some(user) = OtherUser::find() else {
        let text =
            "no nginx runs here, and no user of it was found: whether it can read the badges is not known";
        return findings.warn(CHECK, text, "run doctor on the machine of nginx");
    };
    match user.stopped_at(badges) {
        None => findings.pass(CHECK, format!("{} can enter {}", user.name, badges.display())),
        Some(dir) => findings.fail(
            CHECK,
            format!("{} cannot enter {}, so nginx cannot read the badges below it", user.name, dir.display()),
            format!("chmod o+x {}", shell_word(&dir)),
        ),
    }
}

fn check_udp(listen: SocketAddr, wanted: u64, findings: &mut Findings) -> Result<()> {
    const CHECK: &str = "syslog-udp";
    const GRANTED: &str = "/proc/sys/net/core/rmem_max";
    let tables =
        ["/proc/net/udp", "/proc/net/udp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    let dropped = tables.iter().filter_map(|table| drops(table, listen.port())).max().unwrap_or(0);
    let most = fs::read_to_string(GRANTED).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(u64::MAX);
    if dropped > 0 {
        let text = format!(
            "{listen}: the kernel has dropped {} lines: its buffer was full",
            dropped.separate_with_commas()
        );
        let more = wanted.saturating_mul(2);
        let fix =
            format!("set receive-buffer = {more} for this source; {}", for_good("net.core.rmem_max", more));
        return findings.fail(CHECK, text, fix);
    }
    if most < wanted {
        let text = format!(
            "{listen}: the kernel grants a buffer of {most} bytes, and {wanted} are asked for (receive-buffer)"
        );
        return findings.warn(CHECK, text, for_good("net.core.rmem_max", wanted));
    }
    findings.pass(CHECK, format!("{listen}: nothing dropped, buffer of {wanted} bytes granted"))
}

/// How a setting of the kernel is raised so that it outlives a reboot.
fn for_good(key: &str, value: u64) -> String {
    format!(
        "write {key} = {value} into /etc/sysctl.d/90-tallymark.conf, run sysctl --system, and restart the daemon"
    )
}

/// The last column of the socket on this port; `None` if there is none.
fn drops(table: &str, port: u16) -> Option<u64> {
    let port = format!(":{port:04X}");
    table.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        fields.nth(1)?.ends_with(&port).then(|| fields.last()?.parse().ok())?
    })
}

fn check_unix(path: &Path, findings: &mut Findings) -> Result<()> {
    const CHECK: &str = "syslog-unix";
    let queue = fs::read_to_string("/proc/sys/net/unix/max_dgram_qlen").ok();
    let queue: u64 = queue.and_then(|text| text.trim().parse().ok()).unwrap_or(QUEUE);
    let shown = path.display();
    match queue < QUEUE {
        true => findings.warn(
            CHECK,
            format!("{shown}: a burst of more than {queue} lines is lost"),
            for_good("net.unix.max_dgram_qlen", QUEUE),
        ),
        false => findings.pass(CHECK, format!("{shown}: {queue} lines may wait")),
    }
}

fn check_log(path: &Path, data_dir: &Path, findings: &mut Findings) -> Result<()> {
    const CHECK: &str = "file";
    match logs::trouble(path, data_dir) {
        None => findings.pass(CHECK, format!("{} is there", path.display())),
        Some(LogTrouble::Missing(text)) => {
            let fix = "the daemon reads it as soon as it appears; tallymark health --ready says more";
            findings.warn(CHECK, text, fix)
        }
        Some(LogTrouble::NotReadable(text)) => findings.warn(CHECK, text, "tallymark help files"),
        Some(LogTrouble::NotAFile(text)) => findings.fail(CHECK, text, "name the log itself"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn drops_of_a_port_are_found() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n\
                       15: 0100007F:1414 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 99 2 0 12\n";
        assert_eq!(super::drops(table, 5140), Some(12));
        assert_eq!(super::drops(table, 5141), None);
    }
}
