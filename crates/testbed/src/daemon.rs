//! A program under test, usually our own binary: started, watched, signalled, waited for.

use crate::process::{Process, was_killed};
use crate::{TempDir, temp_dir, wait::poll};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

/// A running program whose output is kept. Killed with its children when dropped.
#[derive(Debug)]
pub struct Daemon {
    process: Process,
    dir: TempDir,
}

/// How to start a [`Daemon`].
#[derive(Debug)]
pub struct DaemonBuilder {
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    cwd: Option<PathBuf>,
}

/// The only variables a daemon inherits. An operator's TALLYMARK_STORE or PORT must not affect a test.
const INHERITED: [&str; 6] =
    ["PATH", "HOME", "TMPDIR", "RUST_BACKTRACE", "LLVM_PROFILE_FILE", "LD_LIBRARY_PATH"];

impl DaemonBuilder {
    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable. Nothing but PATH and the like is inherited.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets the working directory; the default is the daemon's own temporary directory.
    #[must_use]
    pub fn cwd(mut self, dir: impl AsRef<Path>) -> Self {
        self.cwd = Some(dir.as_ref().to_owned());
        self
    }

    /// Starts it. It is running, not ready: see [`Daemon::wait_for_line`].
    pub fn start(self) -> Daemon {
        let dir = temp_dir();
        let name =
            self.program.file_name().unwrap_or(self.program.as_os_str()).to_string_lossy().into_owned();
        let mut command = Command::new(&self.program);
        command.args(self.args).current_dir(self.cwd.as_deref().unwrap_or(dir.path())).env_clear();
        command.envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))));
        command.envs(self.env);
        Daemon { process: Process::spawn(&name, command, dir.path()), dir }
    }
}

impl Daemon {
    /// How to start `program`, a path such as `env!("CARGO_BIN_EXE_tallymark")`, or a name to be found in PATH.
    pub fn builder(program: impl AsRef<Path>) -> DaemonBuilder {
        let program = program.as_ref().to_owned();
        DaemonBuilder { program, args: Vec::new(), env: Vec::new(), cwd: None }
    }

    /// Starts `program` with `args`.
    pub fn start(program: impl AsRef<Path>, args: &[&str]) -> Daemon {
        Daemon::builder(program).args(args).start()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The temporary directory that goes with the daemon: its working directory, unless told otherwise.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// What it has written to standard output so far.
    pub fn stdout(&self) -> String {
        self.process.stdout()
    }

    /// What it has written to standard error so far.
    pub fn stderr(&self) -> String {
        self.process.stderr()
    }

    /// Waits for a whole line, on standard output or standard error, that `pred` accepts, and returns it. Lines written
    /// before the call count too.
    ///
    /// # Panics
    /// When the time is up, or the program ends without such a line.
    #[track_caller]
    pub fn wait_for_line(&mut self, pred: impl Fn(&str) -> bool, timeout: Duration) -> String {
        let find = |text: String| {
            // The last piece is not a line until its newline is there.
            let whole = text.rfind('\n').map_or("", |end| &text[..end]);
            whole.lines().find(|line| pred(line)).map(str::to_owned)
        };
        let outcome = poll(timeout, || {
            // The end is checked first: then everything written before it is in the files.
            let status = self.process.try_wait();
            let line = find(self.process.stdout()).or_else(|| find(self.process.stderr()));
            line.map(Ok).or(status.map(Err))
        });
        match outcome {
            Some(Ok(line)) => line,
            Some(Err(status)) => panic!("ended with {status} without the line\n{}", self.process.report()),
            None => panic!("no such line within {timeout:?}\n{}", self.process.report()),
        }
    }

    /// Sends a signal by its short name (`"HUP"`, `"STOP"`, `"CONT"`) to the program itself.
    #[track_caller]
    pub fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// Sends SIGTERM. [`Daemon::wait`] returns how it ended.
    #[track_caller]
    pub fn sigterm(&self) {
        self.process.signal("TERM");
    }

    /// Kills the program and its children with SIGKILL and waits until they are gone.
    pub fn kill9(&mut self) {
        let status = self.process.kill();
        assert!(was_killed(status), "it had already ended by itself: {status}\n{}", self.process.report());
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.process.try_wait().is_none()
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// When it still runs after `timeout`.
    #[track_caller]
    pub fn wait(&mut self, timeout: Duration) -> ExitStatus {
        self.process.wait(timeout)
    }
}
