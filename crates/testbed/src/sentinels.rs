//! A master, its replicas, and three Sentinels that watch them.

use crate::{PATIENCE, Redis, wait_until};

/// What the Sentinels call the master.
const MASTER: &str = "main";

/// Redis servers under Sentinels.
#[derive(Debug)]
pub struct Sentinels {
    /// The first is the master at the start.
    pub servers: Vec<Redis>,
    /// Those that watch them.
    pub sentinels: Vec<Redis>,
}

impl Sentinels {
    /// Starts a master and `replicas` replicas that have caught up, and three Sentinels that know them all. Each server
    /// has the lines `config` in its configuration.
    #[track_caller]
    pub fn start(replicas: usize, config: &[&str]) -> Sentinels {
        let server = || {
            config.iter().fold(Redis::builder().appendonly(), |builder, line| builder.config(line)).start()
        };
        let servers: Vec<Redis> = (0..=replicas).map(|_| server()).collect();
        let port = servers[0].port();
        for replica in &servers[1..] {
            replica.cli(&["REPLICAOF", "127.0.0.1", &port.to_string()]);
        }
        let sentinels = (0..3).map(|_| watch(port)).collect();
        let set = Sentinels { servers, sentinels };
        wait_until("the replicas have caught up", PATIENCE, || {
            set.servers[1..]
                .iter()
                .all(|replica| replica.cli(&["INFO", "replication"]).contains("master_link_status:up"))
        });
        set.wait_known(replicas);
        set
    }

    /// `redis+sentinel://…/main` with all three.
    pub fn url(&self) -> String {
        let hosts: Vec<String> =
            self.sentinels.iter().map(|one| format!("127.0.0.1:{}", one.port())).collect();
        format!("redis+sentinel://{}/{MASTER}", hosts.join(","))
    }

    /// Which of the servers is the master, as the first Sentinel that answers says.
    pub fn master(&self) -> usize {
        let ask = |one: &Redis| one.try_cli(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER]).ok();
        let said = self.sentinels.iter().find_map(ask).unwrap_or_default();
        let port = said.lines().nth(1).and_then(|port| port.parse::<u16>().ok());
        let at = self.servers.iter().position(|server| Some(server.port()) == port);
        at.unwrap_or_else(|| panic!("no server of ours is the master: {said:?}"))
    }

    /// Waits until the Sentinels name another master than this one.
    #[track_caller]
    pub fn wait_other(&self, than: usize) -> usize {
        wait_until("the Sentinels name another master", PATIENCE, || {
            Some(self.master()).filter(|now| *now != than)
        })
    }

    /// Waits until all Sentinels know each other and all replicas: before, they promote none.
    #[track_caller]
    pub fn wait_known(&self, replicas: usize) {
        wait_until("the Sentinels know each other", PATIENCE, || {
            self.sentinels.iter().all(|one| {
                let told = one.cli(&["SENTINEL", "MASTER", MASTER]);
                let lines: Vec<&str> = told.lines().collect();
                let number = |name: &str| {
                    let at = lines.iter().position(|line| *line == name)?;
                    lines.get(at + 1)?.parse::<usize>().ok()
                };
                number("num-slaves") >= Some(replicas) && number("num-other-sentinels") == Some(2)
            })
        });
    }
}

fn watch(port: u16) -> Redis {
    Redis::builder()
        .config(&format!("sentinel monitor {MASTER} 127.0.0.1 {port} 2"))
        .config(&format!("sentinel down-after-milliseconds {MASTER} 1000"))
        .config(&format!("sentinel failover-timeout {MASTER} 5000"))
        .arg("--sentinel")
        .start()
}
