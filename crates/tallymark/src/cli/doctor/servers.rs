//! The daemon, and what nginx is configured to do.

use super::finding::Findings;
use crate::{
    cli::{health, nginx_conf, out},
    config::{Config, NginxServer, nginx_server},
};
use anyhow::Result;
use std::{
    collections::BTreeSet,
    process::{Command, Output},
};

/// Asks the daemon how it is. Answers whether there is one.
pub(super) async fn check_daemon(config: &Config, findings: &mut Findings) -> Result<bool> {
    const CHECK: &str = "daemon";
    let readiness = match health::readiness(&config.http.listen).await {
        Ok((_, readiness, _)) => readiness,
        Err(error) => {
            let fix = "systemctl start tallymark, or: tallymark serve";
            findings.fail(CHECK, format!("{error:#}"), fix)?;
            return Ok(false);
        }
    };
    match readiness.reasons.is_empty() {
        true => findings.pass(CHECK, format!("it is {}", readiness.status))?,
        false => {
            let text = format!("it is {}: {}", readiness.status, readiness.reasons.join("; "));
            findings.warn(CHECK, text, "each reason names the command that mends it")?;
        }
    }
    Ok(true)
}

const NGINX: &str = "nginx";
/// Only our configuration has it.
const OURS: &str = "tallymark_countable";

/// Looks at nginx. Answers whether it may serve the badges: it has our configuration, or will not say.
pub(super) fn check_nginx(config: &Config, findings: &mut Findings) -> Result<bool> {
    // Its directory is not on the path of ordinary users.
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/local/sbin:/usr/sbin:/sbin";
    let program = std::env::split_paths(&path).map(|dir| dir.join(NGINX)).find(|file| file.is_file());
    let Some(program) = program else {
        findings.pass(NGINX, "there is no nginx on this machine")?;
        return Ok(false);
    };
    match Command::new(program).arg("-T").output() {
        Ok(ran) => {
            check_configuration(config, &ran, findings)?;
            Ok(!ran.status.success() || String::from_utf8_lossy(&ran.stdout).contains(OURS))
        }
        Err(error) => {
            findings.warn(NGINX, format!("running nginx -T: {error}"), "run doctor as root")?;
            Ok(true)
        }
    }
}

/// What nginx says of its configuration, and whether it is the one that this version prints.
fn check_configuration(config: &Config, ran: &Output, findings: &mut Findings) -> Result<()> {
    const CHECK: &str = NGINX;
    let (conf, said) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    if !ran.status.success() {
        let denied = said.contains("Permission denied");
        let why = said.lines().find(|line| line.contains("[emerg]")).unwrap_or_default().to_owned();
        return match denied {
            true => {
                findings.warn(CHECK, "its configuration cannot be read by this user", "run doctor as root")
            }
            false => findings.fail(CHECK, format!("it refuses its configuration: {why}"), "nginx -t"),
        };
    }
    if let Some(conflict) = said.lines().find(|line| line.contains("conflicting server name")) {
        let fix = "one of the two server blocks never answers: remove it, or give it another server_name";
        // Behind nginx's time and process.
        let text = conflict.find("conflicting").map_or(conflict, |at| &conflict[at..]);
        findings.warn(CHECK, text, fix)?;
    }
    let Some(server) = nginx_server(&config.sources) else { return Ok(()) };
    let server = match server {
        NginxServer::Udp(listen) => listen.to_string(),
        NginxServer::Unix(path) => format!("unix:{}", path.display()),
    };
    if !conf.contains(OURS) {
        let text = "its configuration has no part of ours, so it counts no badge";
        let fix = "if badges are to come through it: tallymark nginx-conf > /etc/nginx/conf.d/tallymark.conf";
        return findings.warn(CHECK, text, fix);
    }
    if !conf.contains(&format!("syslog:server={server},")) {
        let text = format!("it logs no badge to {server}, where this daemon listens for its lines");
        return findings.fail(CHECK, text, "print the configuration again: tallymark nginx-conf");
    }
    let printed = match nginx_conf::as_printed(config, &conf) {
        Ok(printed) => printed,
        Err(error) => return findings.warn(CHECK, format!("{error:#}"), "tallymark check-config"),
    };
    match missing(&conf, &printed) {
        None => findings.pass(CHECK, format!("its configuration is ours, and logs to {server}")),
        Some((count, first)) => findings.warn(
            CHECK,
            format!(
                "its configuration lacks {} of the one that this version prints, the first: {first}",
                out::counted(count as u64, "line")
            ),
            "unless you changed it on purpose, print it again: tallymark nginx-conf",
        ),
    }
}

/// How many lines of what would be printed now nginx does not have, and the first of them. Where it listens and under
/// which name is the operator's choice, and comments are for people.
fn missing(conf: &str, printed: &str) -> Option<(usize, String)> {
    let code = |text: &str| -> Vec<String> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(str::to_owned).collect()
    };
    let there: BTreeSet<String> = code(conf).into_iter().collect();
    let is_own = |line: &String| line.starts_with("listen ") || line.starts_with("server_name ");
    let missing: Vec<String> =
        code(printed).into_iter().filter(|line| !is_own(line) && !there.contains(line)).collect();
    Some((missing.len(), missing.first()?.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_that_nginx_would_read_are_missed() {
        let printed = "# new comment\nserver {\n    listen 80;\n    root /b;\n}\n";
        assert_eq!(missing("server {\n  listen 443 ssl;\n\troot /b;\n}", printed), None);
        assert_eq!(missing("server {\n}", printed), Some((1, "root /b;".to_owned())));
    }
}
