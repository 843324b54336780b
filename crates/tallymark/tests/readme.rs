//! Every command of the README and of the manual's pages is run, in its order, as a reader would.
//!
//! What a test must not touch is replaced: `cargo run --release --` by the built binary, port 8080 by a free one,
//! /etc/nginx by a real nginx on that configuration. A command that is not known here fails the test, so that no
//! document can grow one that no test runs.

use std::{fs, path::Path, process::Command, time::Duration};
use tallymark_testbed::{Daemon, TempDir, free_tcp_port, free_udp_port, nginx_test, temp_dir, wait_until};

const BIN: &str = env!("CARGO_BIN_EXE_tallymark");

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The lines of the ```sh blocks.
fn commands(readme: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            line if inside && !line.is_empty() => commands.push(line.to_owned()),
            _ => {}
        }
    }
    commands
}

/// A reader's machine: a directory with the examples in it, and `tallymark` on the path.
struct Reader {
    dir: TempDir,
    port: u16,
    syslog: u16,
    serving: Option<Daemon>,
}

impl Reader {
    fn new() -> Reader {
        let dir = temp_dir();
        let link = |from: &Path, to: &str| std::os::unix::fs::symlink(from, dir.path().join(to)).unwrap();
        link(&root().join("examples"), "examples");
        fs::create_dir(dir.path().join("bin")).unwrap();
        link(Path::new(BIN), "bin/tallymark");
        Reader { dir, port: free_tcp_port(), syslog: free_udp_port(), serving: None }
    }

    /// Runs a command in a shell and returns what it printed.
    fn shell(&self, command: &str) -> String {
        let path = format!("{}:{}", self.dir.path().join("bin").display(), std::env::var("PATH").unwrap());
        let out = Command::new("sh")
            .args(["-ec", command])
            .current_dir(&self.dir)
            .env("PATH", path)
            .output()
            .unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(out.status.success(), "{command}: {text}{}", String::from_utf8_lossy(&out.stderr));
        text
    }

    fn serve(&mut self) {
        let mut daemon = Daemon::builder(BIN)
            .arg("serve")
            .env("TALLYMARK_LISTEN", format!("127.0.0.1:{}", self.port))
            .env("TALLYMARK_SYSLOG_UDP", format!("127.0.0.1:{}", self.syslog))
            .cwd(self.dir.path())
            .start();
        let line = daemon.wait_for_line(|line| line.starts_with("Markdown"), Duration::from_secs(20));
        assert!(line.contains("[![hits](http://localhost:"), "{line}");
        self.serving = Some(daemon);
    }

    fn run(&mut self, command: &str) {
        match command {
            "cargo run --release -- serve" => self.serve(),
            // It runs this very test.
            "cargo xtask test" => {}
            "curl -s 'localhost:8080/badge.svg?repo=you/repo'" => {
                for count in 1..=3 {
                    let picture = self.shell(&command.replace("8080", &self.port.to_string()));
                    assert!(picture.contains(&format!("<title>hits: {count}</title>")), "{picture}");
                }
                let file = self.dir.path().join("tallymark-data/badges/you%2Frepo.svg");
                wait_until("the badge on disk to say 3", Duration::from_secs(20), || {
                    fs::read_to_string(&file).is_ok_and(|picture| picture.contains("<title>hits: 3</title>"))
                });
            }
            _ if command.starts_with("curl -s ") && command.contains("localhost:8080") => {
                let answer = self.shell(&command.replace("8080", &self.port.to_string()));
                let url = "http://www.olark.com/";
                match command {
                    _ if command.contains(" -d ") => assert_eq!(answer, "{\"status\":\"OK\"}"),
                    _ if command.contains("/hit?") => {
                        assert!(answer.contains(&format!("\"url\":\"{url}\",\"all_time\":\"1\"")), "{answer}")
                    }
                    _ if command.contains("/hits?") => assert!(answer.contains("\"all_time\":{"), "{answer}"),
                    _ => assert!(
                        answer.starts_with("{\"type\":\"track\",\"account\":\"all\",\"event\":\"url\""),
                        "{answer}"
                    ),
                }
            }
            "nginx -t && nginx -s reload" => {
                let conf = fs::read_to_string(self.dir.path().join("tallymark.conf")).unwrap();
                // A port of nginx's own: 80 may be taken, or not ours to take.
                let tested = nginx_test(|site| {
                    conf.replace("listen 80;", &format!("listen 127.0.0.1:{};", site.port))
                });
                assert_eq!(tested, Ok(()));
            }
            _ if command.starts_with("tallymark nginx-conf") => {
                self.shell(&command.replace("/etc/nginx/conf.d/", "./"));
            }
            "tallymark show you/repo" => assert!(self.shell(command).contains("you/repo: 3 hits")),
            "tallymark top --period month -n 10" => assert!(self.shell(command).contains("you/repo")),
            "tallymark replay examples/badge.log" => {
                assert!(self.shell(command).contains("14 lines: 8 accepted, 6 rejected"))
            }
            "tallymark check-config examples/tallymark.toml" => {
                assert!(self.shell(command).contains("The configuration is good."));
            }
            _ => panic!("no test runs this command of a document: {command}"),
        }
    }
}

#[test]
fn every_command_of_the_readme_works() {
    let commands = commands(&fs::read_to_string(root().join("README.md")).unwrap());
    assert!(commands.len() >= 5, "{commands:?}");
    let mut reader = Reader::new();
    for command in &commands {
        reader.run(command);
    }
}

/// The manual is read beside a running `serve`.
#[test]
fn every_command_of_the_manual_works() {
    let mut run = 0;
    for page in fs::read_dir(root().join("crates/tallymark/src/help")).unwrap() {
        let commands = commands(&fs::read_to_string(page.unwrap().path()).unwrap());
        if commands.is_empty() {
            continue;
        }
        let mut reader = Reader::new();
        reader.serve();
        for command in &commands {
            reader.run(command);
        }
        run += commands.len();
    }
    assert!(run >= 10, "{run}");
}

#[test]
fn readme_is_short() {
    let words = fs::read_to_string(root().join("README.md")).unwrap().split_whitespace().count();
    assert!(words <= 900, "{words} words: the manual's pages are the place for the rest");
}

/// The badge at the top is what the renderer draws.
#[test]
fn picture_at_the_top_is_a_real_badge() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let first_picture = readme.lines().find(|line| line.contains("![")).unwrap();
    assert!(first_picture.contains("(examples/badge.svg)"));
    let picture = fs::read_to_string(root().join("examples/badge.svg")).unwrap();
    assert_eq!(picture, tallymark_badge::render(&tallymark_badge::Badge::hits("1,234,567")));
}

/// Every reason in the metric is documented with its remedy.
#[test]
fn every_reason_of_a_rejected_line_is_explained() {
    let page = root().join("crates/tallymark/src/help/troubleshooting.md");
    let page = fs::read_to_string(page).unwrap();
    let (_, table) = page.split_once("| reason | means |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    for reject in tallymark_core::Reject::ALL {
        let said = table.matches(&format!("`{}`", reject.label())).count();
        assert!(said >= 1, "{reject} is missing");
    }
}

/// A link to a file of the repository leads to one.
#[test]
fn links_of_the_documents_lead_somewhere() {
    let decisions =
        fs::read_dir(root().join("crates")).unwrap().map(|dir| dir.unwrap().path().join("DECISIONS.md"));
    let documents = ["README.md", "ARCHITECTURE.md", "CHANGELOG.md"].map(|document| root().join(document));
    for document in decisions.filter(|file| file.exists()).chain(documents) {
        let text = fs::read_to_string(&document).unwrap();
        let dir = document.parent().unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = link.split('#').next().unwrap();
            assert!(
                link.contains("://") || path.is_empty() || dir.join(path).exists(),
                "{}: {link}",
                document.display()
            );
        }
    }
}
