//! Kills what a dead test process left behind.
//!
//! `Drop` does not run when a test process is killed, aborts or calls `exit`, nor for a server in a `static`.
//! So one `sh` per test process reads the process groups that start and end from a pipe; when the pipe closes,
//! however the writer died, it kills the groups that are left. `PR_SET_PDEATHSIG` would not do: it
//! fires when the *thread* that started the server ends (each test has its own), and it does not reach
//! grandchildren such as nginx workers.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock};

const SCRIPT: &str = r#"
alive=" "
while read -r what group; do
    case $what in
    started) alive="$alive$group " ;;
    ended) alive="${alive%% "$group" *} ${alive#* "$group" }" ;;
    esac
done
for group in $alive; do kill -s KILL -- "-$group"; done
"#;

struct Janitor {
    pipe: ChildStdin,
    _shell: Child,
}

static JANITOR: OnceLock<Mutex<Janitor>> = OnceLock::new();

/// Says that the process group `group` is now running.
pub(crate) fn started(group: u32) {
    tell("started", group);
}

/// Says that the process group `group` has been killed and its number may be used again by the system.
pub(crate) fn ended(group: u32) {
    tell("ended", group);
}

fn tell(what: &str, group: u32) {
    let janitor = JANITOR.get_or_init(|| Mutex::new(hire()));
    let mut janitor = janitor.lock().expect("telling the janitor does not panic");
    // A killed janitor must not fail a test: Drop still does the work in the usual case.
    let _ = writeln!(janitor.pipe, "{what} {group}");
}

fn hire() -> Janitor {
    let mut shell = Command::new("sh")
        .args(["-c", SCRIPT])
        .process_group(0) // a Ctrl-C in the terminal must not reach it
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("sh starts");
    let pipe = shell.stdin.take().expect("stdin is a pipe");
    Janitor { pipe, _shell: shell }
}
