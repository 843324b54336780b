//! A real nginx with a test's own `http` block.
//!
//! The main context (user, pid, workers, modules) is ours, because it must work as root and as an ordinary user and
//! stay inside the temporary directory; the test writes the contents of `http { }`.

use crate::process::{Process, program, read, tail};
use crate::{PATIENCE, Site, TempDir, free_tcp_port, is_root, temp_dir, wait::poll};
use std::collections::HashSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

/// For [`NginxBuilder::main`]: loads `set_escape_uri` and its relatives (libnginx-mod-http-set-misc).
pub const SET_MISC: &str = "load_module /usr/lib/nginx/modules/ndk_http_module.so;\n\
                            load_module /usr/lib/nginx/modules/ngx_http_set_misc_module.so;";

/// A running nginx. Killed when dropped.
#[derive(Debug)]
pub struct Nginx {
    process: Process,
    dir: TempDir,
    port: u16,
    builder: NginxBuilder,
}

/// How to start an [`Nginx`].
#[derive(Debug)]
pub struct NginxBuilder {
    main: String,
    workers: u8,
}

/// `nginx -t` over an `http` block: what nginx says if it refuses.
pub fn nginx_test(http: impl FnOnce(&Site<'_>) -> String) -> Result<(), String> {
    Nginx::builder().test(http)
}

impl NginxBuilder {
    /// Adds lines to the main context, for example [`SET_MISC`].
    #[must_use]
    pub fn main(mut self, lines: &str) -> Self {
        self.main += lines;
        self.main.push('\n');
        self
    }

    /// Sets the number of worker processes; the default is 1.
    #[must_use]
    pub fn workers(mut self, workers: u8) -> Self {
        self.workers = workers;
        self
    }

    /// Starts it with what `http` writes between the braces of `http { }`, which must listen on the site's port.
    #[track_caller]
    pub fn start(self, http: impl FnOnce(&Site<'_>) -> String) -> Nginx {
        let (dir, port) = (temp_dir(), free_tcp_port());
        self.write(&dir, port, http);
        let mut process = Process::spawn("nginx", command(dir.path()), dir.path());
        process.ready("nginx listened on the site's port (is there a `listen`?)", || {
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
        });
        Nginx { process, dir, port, builder: self }
    }

    /// `nginx -t`: whether nginx accepts the configuration, and what it says if not.
    pub fn test(self, http: impl FnOnce(&Site<'_>) -> String) -> Result<(), String> {
        let dir = temp_dir();
        self.write(&dir, free_tcp_port(), http);
        let output = command(dir.path()).arg("-t").output().expect("nginx starts");
        if output.status.success() {
            return Ok(());
        }
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    fn write(&self, dir: &TempDir, port: u16, http: impl FnOnce(&Site<'_>) -> String) {
        let http = http(&Site { dir: dir.path(), port });
        // Workers of a root nginx become www-data, who may not enter a temporary directory; for others the
        // directive is a warning.
        let user = if is_root() { "user root;\n" } else { "" };
        let (main, workers, dir) = (&self.main, self.workers, dir.path());
        let at = dir.display();
        let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|kind| format!("    {kind}_temp_path {at}/temp-{kind};\n"))
            .collect();
        let text = format!(
            "{main}{user}daemon off;\npid {at}/nginx.pid;\nerror_log {at}/error.log info;\n\
             worker_processes {workers};\nevents {{ worker_connections 512; }}\n\
             http {{\n    access_log {at}/access.log;\n{temp}{http}\n}}\n"
        );
        fs::write(dir.join("nginx.conf"), text).expect("the temporary directory is writable");
    }
}

impl Nginx {
    /// Starts nginx with what `http` writes between the braces of `http { }`.
    #[track_caller]
    pub fn start(http: impl FnOnce(&Site<'_>) -> String) -> Nginx {
        Nginx::builder().start(http)
    }

    /// How to start one with modules or more workers.
    pub fn builder() -> NginxBuilder {
        NginxBuilder { main: String::new(), workers: 1 }
    }

    /// The port of the site.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address of the site, for [`crate::http`].
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The contents of its error log (level info).
    pub fn error_log(&self) -> String {
        read(&self.dir.path().join("error.log"))
    }

    /// The contents of the default access log.
    pub fn access_log(&self) -> String {
        read(&self.dir.path().join("access.log"))
    }

    /// Writes another `http` block; it applies with the next [`Nginx::reload`].
    pub fn rewrite(&mut self, http: impl FnOnce(&Site<'_>) -> String) {
        self.builder.write(&self.dir, self.port, http);
    }

    /// SIGHUP, and waits until only workers of the new configuration are left.
    ///
    /// # Panics
    /// When nginx refuses the configuration: the old workers then stay.
    #[track_caller]
    pub fn reload(&mut self) {
        let old = self.workers();
        self.process.signal("HUP");
        let renewed = poll(PATIENCE, || {
            let now = self.workers();
            !now.is_empty() && now.is_disjoint(&old)
        });
        assert!(renewed.is_some(), "nginx did not reload\n--- error log\n{}---", tail(&self.error_log()));
    }

    /// Ends it at once but properly (SIGTERM).
    #[track_caller]
    pub fn stop(&mut self) {
        let status = self.process.stop();
        assert!(status.success(), "nginx ended with {status}\n{}", tail(&self.error_log()));
    }

    /// The process ids of its workers.
    fn workers(&self) -> HashSet<u32> {
        let pid = self.process.pid();
        let children = read(Path::new(&format!("/proc/{pid}/task/{pid}/children")));
        children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
    }
}

fn command(dir: &Path) -> Command {
    let mut command = Command::new(program("nginx", "nginx"));
    // -e: without it nginx first complains that it may not open /var/log/nginx/error.log.
    command.arg("-p").arg(dir).arg("-c").arg(dir.join("nginx.conf")).arg("-e").arg(dir.join("error.log"));
    command
}
