//! `cargo xtask api-check`: schemathesis sends the running daemon what `/openapi.json` allows, and what it forbids.
//!
//! It comes from PyPI into a directory of its own below the target directory, once. What it calls "schema-valid request
//! rejected" is not looked at: a schema cannot say that a name has at most 200 bytes or a series 5,000 points.

use crate::run;
use anyhow::{Context, bail};
use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

/// The version whose findings are understood here.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";
/// POST counts what it can of a body and says what it could not, so a body with a mistake in it may well be
/// answered 200. HitMe's takes what it finds in body and query, and looks at nothing else.
const SETTINGS: &str = "[[operations]]
include-path = \"/api/v1/hits\"
checks.negative_data_rejection.enabled = false

[[operations]]
include-path = \"/hit\"
checks.negative_data_rejection.enabled = false
";
const TOKEN: &str = "a-token-for-the-api-check";
/// How long the daemon may take to listen.
const PATIENCE: Duration = Duration::from_secs(30);

/// A daemon that ends with us.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs the check. Further arguments go to schemathesis: `--max-examples 1000`.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(run::root()?.join("target"), PathBuf::from);
    let schemathesis = schemathesis(&target)?;
    run::check(&mut run::cargo(&["build", "-p", "tallymark"])?)?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut daemon = start(&target, port)?;
    let mut check = Command::new(schemathesis);
    check.arg("run").arg(format!("http://127.0.0.1:{port}/openapi.json"));
    check.args(["--exclude-checks", "positive_data_acceptance", "--seed", "1", "--no-color"]);
    // It finds its settings in the working directory, and leaves its examples there.
    check
        .args(["-H", &format!("Authorization: Bearer {TOKEN}")])
        .args(args)
        .current_dir(target.join("api-check"));
    run::check(&mut check)?;
    match daemon.0.try_wait()? {
        None => Ok(()),
        Some(status) => bail!("the daemon did not survive: {status}"),
    }
}

fn schemathesis(target: &Path) -> anyhow::Result<PathBuf> {
    let venv = target.join("schemathesis");
    let program = venv.join("bin/schemathesis");
    if !program.is_file() {
        run::check(Command::new("python3").args(["-m", "venv"]).arg(&venv))
            .context("as root: apt-get install -y --no-install-recommends python3-venv")?;
        run::check(Command::new(venv.join("bin/pip")).args(["install", "--quiet", SCHEMATHESIS]))?;
    }
    Ok(program)
}

/// Starts the daemon in an empty directory, and waits until it listens.
fn start(target: &Path, port: u16) -> anyhow::Result<Daemon> {
    let dir = target.join("api-check");
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    fs::create_dir_all(&dir)?;
    fs::write(dir.join("tallymark.toml"), format!("[http]\ntokens = [\"{TOKEN}\"]\n"))?;
    fs::write(dir.join("schemathesis.toml"), SETTINGS)?;
    let mut command = Command::new(target.join("debug/tallymark"));
    command.args(["serve", "--config", "tallymark.toml", "--listen", &format!("127.0.0.1:{port}")]);
    command.args(["--syslog-udp", "127.0.0.1:0"]).current_dir(&dir);
    let mut daemon = Daemon(command.spawn().context("cannot start the daemon")?);
    let begin = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if let Some(status) = daemon.0.try_wait()? {
            bail!("the daemon ended at once: {status}");
        }
        if begin.elapsed() > PATIENCE {
            bail!("the daemon does not listen");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(daemon)
}
