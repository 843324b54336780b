//! A real redis-server: alone, or as one node of a cluster or a Sentinel set that the test puts together.

use crate::process::{Process, program, was_killed};
use crate::{TempDir, free_tcp_port, temp_dir};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// A running Redis. Killed when dropped; its data go with it.
#[derive(Debug)]
pub struct Redis {
    process: Process,
    dir: TempDir,
    port: u16,
    args: Vec<String>,
}

/// How to start a [`Redis`].
#[derive(Debug, Default)]
pub struct RedisBuilder {
    appendonly: bool,
    lines: Vec<String>,
    args: Vec<String>,
}

impl RedisBuilder {
    /// Keeps an append-only file, written every second: what a Redis that must survive kill -9 needs.
    #[must_use]
    pub fn appendonly(mut self) -> Self {
        self.appendonly = true;
        self
    }

    /// Adds a line to the configuration file, after ours, so it wins.
    #[must_use]
    pub fn config(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// Adds a command line argument, for example `--sentinel`.
    #[must_use]
    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    /// Starts it and waits until it answers.
    #[track_caller]
    pub fn start(self) -> Redis {
        let (dir, port) = (temp_dir(), free_tcp_port());
        let appendonly = if self.appendonly { "yes" } else { "no" };
        // No snapshots unless asked for: a test that wants one says when.
        let mut text = format!(
            "bind 127.0.0.1\nport {port}\ndir {}\ndaemonize no\nsave \"\"\nappendonly {appendonly}\n",
            dir.path().display()
        );
        for line in &self.lines {
            text += line;
            text.push('\n');
        }
        fs::write(dir.path().join("redis.conf"), text).expect("the temporary directory is writable");
        let process = launch(dir.path(), port, &self.args);
        Redis { process, dir, port, args: self.args }
    }
}

impl Redis {
    /// Starts a Redis that keeps everything in memory.
    #[track_caller]
    pub fn start() -> Redis {
        Redis::builder().start()
    }

    /// How to start one with other settings.
    pub fn builder() -> RedisBuilder {
        RedisBuilder::default()
    }

    /// `redis://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Its address.
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Its port; it stays the same over a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its directory: `appendonlydir/`, `dump.rdb`, `redis.conf`.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Runs one command with redis-cli and returns the raw answer, without the last newline.
    ///
    /// # Panics
    /// On an error reply: a mistyped command should not go unseen. See [`Redis::try_cli`].
    #[track_caller]
    pub fn cli(&self, args: &[&str]) -> String {
        self.try_cli(args).unwrap_or_else(|err| panic!("redis-cli {args:?}: {err}"))
    }

    /// [`Redis::cli`] for an expected error reply (or no connection).
    pub fn try_cli(&self, args: &[&str]) -> Result<String, String> {
        let mut command = Command::new(program("redis-cli", "redis-tools"));
        command.args(["-e", "-h", "127.0.0.1", "-p", &self.port.to_string()]).args(args);
        let output = command.output().expect("redis-cli starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches('\n').to_owned();
        if output.status.success() {
            Ok(text(&output.stdout))
        } else {
            Err(text(&[output.stdout, output.stderr].concat()))
        }
    }

    /// Kills it with SIGKILL. What did not reach the append-only file is lost.
    pub fn kill9(&mut self) {
        let status = self.process.kill();
        assert!(was_killed(status), "Redis had already ended: {status}\n{}", self.process.report());
    }

    /// Ends it with SIGTERM.
    #[track_caller]
    pub fn stop(&mut self) {
        let status = self.process.stop();
        assert!(status.success(), "Redis ended with {status}\n{}", self.process.report());
    }

    /// Starts it again on the same port and directory, after a polite end if it still runs.
    #[track_caller]
    pub fn restart(&mut self) {
        if self.process.try_wait().is_none() {
            self.stop();
        }
        self.process = launch(self.dir.path(), self.port, &self.args);
    }

    /// Stops the process at once (SIGSTOP): connections stay open and nothing answers.
    #[track_caller]
    pub fn freeze(&self) {
        self.process.signal("STOP");
    }

    /// Resumes it after [`Redis::freeze`].
    #[track_caller]
    pub fn thaw(&self) {
        self.process.signal("CONT");
    }

    /// Its log.
    pub fn log(&self) -> String {
        self.process.stdout()
    }
}

#[track_caller]
fn launch(dir: &Path, port: u16, args: &[String]) -> Process {
    let mut command = Command::new(program("redis-server", "redis-server"));
    command.arg(dir.join("redis.conf")).args(args).current_dir(dir);
    let mut process = Process::spawn("redis-server", command, dir);
    process.ready("Redis answered PING", || answers(port));
    process
}

/// Whether PING is answered. LOADING is not yet an answer; a demand for a password is one.
fn answers(port: u16) -> bool {
    let ping = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        stream.write_all(b"PING\r\n")?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        Ok(line)
    };
    ping().is_ok_and(|line| line.starts_with("+PONG") || line.starts_with("-NOAUTH"))
}
