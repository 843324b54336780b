//! One started program and all its children: the common part of every server here. Not public.

use crate::{PATIENCE, janitor, wait::poll};
use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// A running program in a process group of its own, with its output in two files.
#[derive(Debug)]
pub(crate) struct Process {
    name: String,
    child: Child,
    status: Option<ExitStatus>,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Process {
    /// Starts `command`; its output goes to `NAME.stdout` and `NAME.stderr` in `dir`, appended, so that a restart
    /// keeps what was there.
    pub(crate) fn spawn(name: &str, mut command: Command, dir: &Path) -> Process {
        let (stdout, stderr) = (dir.join(format!("{name}.stdout")), dir.join(format!("{name}.stderr")));
        command.stdin(Stdio::null()).stdout(append(&stdout)).stderr(append(&stderr)).process_group(0);
        let child = command.spawn().unwrap_or_else(|err| panic!("cannot start {command:?}: {err}"));
        janitor::started(child.id());
        Process { name: name.to_string(), child, status: None, stdout, stderr }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, or `None` while it runs. Whatever is left of its group is killed with the first answer.
    pub(crate) fn try_wait(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            let status = self.child.try_wait().expect("our own child can be waited for")?;
            // At once: later the number of the group may belong to another process.
            send("KILL", &format!("-{}", self.pid()));
            janitor::ended(self.pid());
            self.status = Some(status);
        }
        self.status
    }

    /// Waits for the end.
    #[track_caller]
    pub(crate) fn wait(&mut self, timeout: Duration) -> ExitStatus {
        match poll(timeout, || self.try_wait()) {
            Some(status) => status,
            None => panic!("{} still runs after {timeout:?}\n{}", self.name, self.report()),
        }
    }

    /// Sends a signal (`"TERM"`, `"HUP"`...) to the program itself, not to its children.
    #[track_caller]
    pub(crate) fn signal(&self, signal: &str) {
        assert!(self.status.is_none(), "{} has already ended: {:?}", self.name, self.status);
        assert!(send(signal, &self.pid().to_string()), "{} cannot be sent {signal}", self.name);
    }

    /// Kills the whole group with SIGKILL and waits for the end. Nothing to do if it has ended.
    pub(crate) fn kill(&mut self) -> ExitStatus {
        if let Some(status) = self.try_wait() {
            return status;
        }
        send("KILL", &format!("-{}", self.pid()));
        self.wait(PATIENCE)
    }

    /// SIGTERM, and the end within [`PATIENCE`].
    #[track_caller]
    pub(crate) fn stop(&mut self) -> ExitStatus {
        if self.try_wait().is_none() {
            self.signal("TERM");
        }
        self.wait(PATIENCE)
    }

    /// Waits until `ready` returns true; if the program ends before that, panics with its output.
    #[track_caller]
    pub(crate) fn ready(&mut self, what: &str, mut ready: impl FnMut() -> bool) {
        let outcome = poll(PATIENCE, || match self.try_wait() {
            Some(status) => Some(Err(status)),
            None => ready().then_some(Ok(())),
        });
        match outcome {
            Some(Ok(())) => {}
            Some(Err(status)) => panic!("{} ended with {status} before {what}\n{}", self.name, self.report()),
            None => panic!("{}: waited {PATIENCE:?} in vain for {what}\n{}", self.name, self.report()),
        }
    }

    pub(crate) fn stdout(&self) -> String {
        read(&self.stdout)
    }

    pub(crate) fn stderr(&self) -> String {
        read(&self.stderr)
    }

    /// What the program wrote, for a panic message.
    pub(crate) fn report(&self) -> String {
        format!("--- its stdout\n{}--- its stderr\n{}---", tail(&self.stdout()), tail(&self.stderr()))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.status.is_some() {
            return;
        }
        // Not `kill`: a panic inside a drop would hide the failure that is being reported.
        send("KILL", &format!("-{}", self.pid()));
        let _ = self.child.wait();
        janitor::ended(self.pid());
    }
}

/// The path of a program of a Debian package.
///
/// # Panics
/// When it is absent: a test that silently did not run proves nothing.
pub(crate) fn program(name: &str, package: &str) -> PathBuf {
    program_if_there(name).unwrap_or_else(|| {
        panic!("{name} is not installed. `cargo xtask test` installs what the tests need, or: apt-get install {package}")
    })
}

/// The path of a program, if it is installed.
pub(crate) fn program_if_there(name: &str) -> Option<PathBuf> {
    // The sbin directories are not in the PATH of ordinary users, but nginx and syslog-ng live there.
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/local/sbin:/usr/sbin:/sbin";
    std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

/// Whether a status says "killed by SIGKILL".
pub(crate) fn was_killed(status: ExitStatus) -> bool {
    status.signal() == Some(9)
}

/// Sends a signal with the shell's own `kill`: std can send SIGKILL alone, and this crate has no unsafe code.
fn send(signal: &str, target: &str) -> bool {
    let script = r#"kill -s "$1" -- "$2""#;
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh", signal, target]).stdout(Stdio::null()).stderr(Stdio::null());
    shell.status().expect("sh starts").success()
}

fn append(path: &Path) -> File {
    let file = File::options().create(true).append(true).open(path);
    file.unwrap_or_else(|err| panic!("cannot write {}: {err}", path.display()))
}

/// A file that another program is writing: whatever is there, cut at a bad byte rather than refused.
pub(crate) fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// The last 40 lines, each ended by a newline.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].iter().map(|line| format!("{line}\n")).collect()
}
