//! A real ZeroMQ publisher: libzmq, driven from Python.

use crate::{free_tcp_port, janitor};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const SCRIPT: &str = include_str!("publisher.py");
/// Debian's own interpreter, for which python3-zmq is made; another one in PATH does not know it.
const PYTHON: &str = "/usr/bin/python3";
const SHOWN_BY: &str = "/usr/lib/python3/dist-packages/zmq";

/// A publisher that is bound to its port. Killed when dropped.
#[derive(Debug)]
pub struct Publisher {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    port: u16,
}

impl Publisher {
    /// Starts one on a free port.
    #[track_caller]
    pub fn start() -> Publisher {
        Publisher::on(free_tcp_port())
    }

    /// Starts one on the port of an earlier one.
    #[track_caller]
    pub fn on(port: u16) -> Publisher {
        assert!(
            Path::new(SHOWN_BY).exists(),
            "python3-zmq is missing. As root: apt-get install -y --no-install-recommends python3-zmq"
        );
        let mut child = Command::new(PYTHON)
            .args(["-c", SCRIPT, &port.to_string()])
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 starts");
        janitor::started(child.id());
        let commands = child.stdin.take().expect("stdin is a pipe");
        let answers = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
        let mut publisher = Publisher { child, commands, answers, port };
        publisher.answered("bound");
        publisher
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until it has seen N subscriptions since it started.
    #[track_caller]
    pub fn wait_for_subscriptions(&mut self, count: u32) {
        self.ask(&format!("wait {count}"));
    }

    /// Publishes a message of one part.
    #[track_caller]
    pub fn send(&mut self, message: &[u8]) {
        self.send_parts(&[message]);
    }

    /// Publishes a message of several parts.
    #[track_caller]
    pub fn send_parts(&mut self, parts: &[&[u8]]) {
        let hex = |part: &[u8]| part.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        // The dot is there so that an empty part is a word, too.
        let words: Vec<String> = parts.iter().map(|part| hex(part) + ".").collect();
        self.ask(&format!("send {}", words.join(" ")));
    }

    /// Ends it; everything published has been passed to the kernel by then.
    #[track_caller]
    pub fn close(mut self) {
        self.ask("close");
    }

    #[track_caller]
    fn ask(&mut self, command: &str) {
        writeln!(self.commands, "{command}").expect("the publisher listens");
        self.answered("ok");
    }

    #[track_caller]
    fn answered(&mut self, expected: &str) {
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("the publisher answers in text");
        assert_eq!(answer.trim_end(), expected, "what the publisher says");
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        // It may have ended by itself already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        janitor::ended(self.child.id());
    }
}
