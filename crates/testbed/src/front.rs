//! Web servers other than nginx that may be in front: Apache and Caddy, with a test's own site.

use crate::process::{Process, program};
use crate::{Site, TempDir, free_tcp_port, temp_dir};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::Command;

/// A running Apache or Caddy. Killed when dropped.
#[derive(Debug)]
pub struct Front {
    _process: Process,
    _dir: TempDir,
    port: u16,
}

/// What Debian's Apache loads in any case, and what a proxy needs besides.
const MODULES: [&str; 5] = ["mpm_event", "authz_core", "alias", "proxy", "proxy_http"];

impl Front {
    /// Apache with the virtual hosts that `site` writes, which must use the site's port.
    #[track_caller]
    pub fn apache(site: impl FnOnce(&Site<'_>) -> String) -> Front {
        Front::start("apache2", |here| {
            let load =
                |name: &&str| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n");
            let modules: String = MODULES.iter().map(load).collect();
            let (dir, port) = (here.dir.display(), here.port);
            let main = format!(
                "ServerRoot {dir}\nPidFile {dir}/pid\nErrorLog {dir}/error.log\nDocumentRoot {dir}\n\
                 ServerName localhost\nListen 127.0.0.1:{port}\n"
            );
            let conf = here.path("apache.conf");
            fs::write(&conf, modules + &main + &site(here)).expect("the temporary directory is writable");
            let mut command = Command::new(program("apache2", "apache2-bin"));
            command.args(["-D", "FOREGROUND", "-f", &conf]);
            command
        })
    }

    /// Caddy with the sites that `site` writes, which must use the site's port.
    #[track_caller]
    pub fn caddy(site: impl FnOnce(&Site<'_>) -> String) -> Front {
        Front::start("caddy", |here| {
            let conf = here.path("Caddyfile");
            let text = format!("{{\n\tadmin off\n}}\n{}", site(here));
            fs::write(&conf, text).expect("the temporary directory is writable");
            let mut command = Command::new(program("caddy", "caddy"));
            command.args(["run", "--adapter", "caddyfile", "--config", &conf]);
            // It keeps what it remembers below these.
            command.env("HOME", here.dir).env("XDG_DATA_HOME", here.dir).env("XDG_CONFIG_HOME", here.dir);
            command
        })
    }

    #[track_caller]
    fn start(name: &str, command: impl FnOnce(&Site<'_>) -> Command) -> Front {
        let (dir, port) = (temp_dir(), free_tcp_port());
        let command = command(&Site { dir: dir.path(), port });
        let mut process = Process::spawn(name, command, dir.path());
        process.ready("it listened on the site's port", || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
        });
        Front { _process: process, _dir: dir, port }
    }

    /// The address of the site, for [`crate::http`].
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }
}
