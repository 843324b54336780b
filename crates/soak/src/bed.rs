//! The place of a daemon in a scenario: directories and ports that stay the same across restarts.

use crate::{Counts, Metrics, PATIENCE, Plan};
use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tallymark_testbed::{Daemon, TempDir, free_tcp_port, free_udp_port, http, temp_dir, wait_until};

/// A place for one daemon.
pub(crate) struct Bed {
    dir: TempDir,
    program: PathBuf,
    store: String,
    pub(crate) http: u16,
    pub(crate) udp: u16,
    pub(crate) tcp: u16,
}

impl Bed {
    /// With the embedded store.
    pub(crate) fn embedded(plan: &Plan) -> Bed {
        let dir = temp_dir();
        let store = format!("sqlite:{}", dir.path().join("data/tallymark.db").display());
        Bed::made(plan, dir, store)
    }

    /// With a remote store.
    pub(crate) fn remote(plan: &Plan, store: impl Into<String>) -> Bed {
        Bed::made(plan, temp_dir(), store.into())
    }

    fn made(plan: &Plan, dir: TempDir, store: String) -> Bed {
        let (http, udp, tcp) = (free_tcp_port(), free_udp_port(), free_tcp_port());
        let bed = Bed { dir, program: plan.program.clone(), store, http, udp, tcp };
        bed.configure("", "", "");
        bed
    }

    /// Writes the configuration: keys of `[store]`, keys of the UDP source, and whole sections.
    pub(crate) fn configure(&self, store: &str, udp: &str, sections: &str) {
        // A short tick, so that a fault meets a batch rather than the pause between two.
        let tick = if store.contains("tick") { "" } else { "tick = \"50ms\"\n" };
        let text = format!(
            "[store]\n{tick}{store}\n\
             [[source]]\nkind = \"syslog-udp\"\nlisten = \"127.0.0.1:{}\"\n{udp}\n\
             [[source]]\nkind = \"syslog-tcp\"\nlisten = \"127.0.0.1:{}\"\n\
             {sections}\n",
            self.udp, self.tcp
        );
        self.configure_whole(&text);
    }

    /// Writes the configuration from nothing. `DIR` is replaced by the directory of this place.
    pub(crate) fn configure_whole(&self, text: &str) {
        let text = text.replace("DIR", &self.dir.path().display().to_string());
        std::fs::write(self.config(), text).expect("the temporary directory is writable");
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir.path().join("tallymark.toml")
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    pub(crate) fn badges(&self) -> PathBuf {
        self.dir.path().join("badges")
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.http).into()
    }

    fn flags(&self) -> Vec<String> {
        let path = |path: PathBuf| path.display().to_string();
        let (data, badges, config) = (path(self.data()), path(self.badges()), path(self.config()));
        let flags = [
            ["--data-dir", &data],
            ["--badges-dir", &badges],
            ["--store", &self.store],
            ["--config", &config],
            ["--listen", &self.addr().to_string()],
        ];
        flags.concat().into_iter().map(str::to_owned).collect()
    }

    /// The command line of a daemon, for scenarios that start it themselves.
    pub(crate) fn command(&self, command: &str) -> Vec<String> {
        let program = self.program.display().to_string();
        [vec![program, command.to_owned()], self.flags()].concat()
    }

    /// Starts a daemon; it need not listen yet.
    pub(crate) fn launch(&self, command: &str, more: &[&str]) -> Daemon {
        Daemon::builder(&self.program).arg(command).args(self.flags()).args(more).start()
    }

    /// Starts a daemon and waits until it listens.
    #[track_caller]
    pub(crate) fn start(&self, command: &str) -> Daemon {
        self.start_with(command, &[])
    }

    /// [`Bed::start`] with further flags.
    #[track_caller]
    pub(crate) fn start_with(&self, command: &str, more: &[&str]) -> Daemon {
        let mut daemon = self.launch(command, more);
        wait_until("the daemon listens", PATIENCE, || {
            assert!(daemon.is_running(), "it ended:\n{}{}", daemon.stdout(), daemon.stderr());
            self.ready().is_some()
        });
        daemon
    }

    /// Runs one command to its end. Returns whether it succeeded, and what it wrote.
    pub(crate) fn run(&self, args: &[&str]) -> (bool, String) {
        let output = Command::new(&self.program).args(args).args(self.flags()).output();
        let output = output.expect("the binary starts");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    /// The status and the text of `/readyz`, if the daemon answers.
    pub(crate) fn ready(&self) -> Option<(u16, String)> {
        let answer = http::try_request("GET", self.addr(), "/readyz", &[], b"").ok()?;
        Some((answer.status, answer.text().to_owned()))
    }

    /// Waits until counts reach the store.
    #[track_caller]
    pub(crate) fn wait_ready(&self) {
        wait_until("it is ready", PATIENCE, || self.ready().is_some_and(|(status, _)| status == 200));
    }

    /// Waits until they do not, for a reason that contains these words. Returns the reason.
    #[track_caller]
    pub(crate) fn wait_trouble(&self, words: &str) -> String {
        wait_until(&format!("/readyz says {words:?}"), PATIENCE, || {
            self.ready().filter(|(status, text)| *status == 503 && text.contains(words)).map(|(_, text)| text)
        })
    }

    #[track_caller]
    pub(crate) fn metrics(&self) -> Metrics {
        Metrics::parse(http::get(self.addr(), "/metrics").text())
    }

    /// Waits until N more batches have been applied.
    #[track_caller]
    pub(crate) fn wait_batches(&self, more: u64) {
        let applied = || self.metrics().get("batches_applied_total");
        let before = applied();
        wait_until("batches are applied", PATIENCE, || applied() >= before + more);
    }

    /// What the store holds.
    pub(crate) fn counts(&self) -> Counts {
        Counts::of(&self.store)
    }
}

/// SIGTERM, and a clean exit.
#[track_caller]
pub(crate) fn stop(daemon: &mut Daemon) {
    daemon.sigterm();
    let status = daemon.wait(Duration::from_secs(20));
    assert!(status.success(), "ended with {status}\n{}", daemon.stderr());
}
