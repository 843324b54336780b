//! The load: nginx's lines as datagrams, with a realistic distribution of names, paced or at full speed.
//!
//! The same seed gives the same lines in the same order. The lines are written before the clock starts, so that a
//! datagram costs the generator one pick of a line and its share of a `sendmmsg`.

use crate::wire::{BURST, Burst};
use anyhow::Context;
use std::{
    net::{SocketAddr, UdpSocket},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixDatagram,
    },
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// How names are picked out of `0..names`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Spread {
    /// The logarithm of the rank is uniform: the first name of a million has 5 % of the hits, half of the hits fall on
    /// the first thousand.
    LogUniform,
    /// Every name is equally likely.
    Uniform,
    /// One after the other, from the beginning again after the last.
    Sweep,
}

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) names: u32,
    pub(crate) spread: Spread,
    pub(crate) count: u64,
    /// Datagrams per second; full speed without a value.
    pub(crate) rate: Option<u64>,
    pub(crate) seed: u64,
}

/// The target.
pub(crate) enum Target {
    Udp(UdpSocket),
    Unix(UnixDatagram),
}

impl Target {
    pub(crate) fn udp(to: SocketAddr) -> anyhow::Result<Target> {
        let socket = UdpSocket::bind(("127.0.0.1", 0))?;
        socket.connect(to)?;
        Ok(Target::Udp(socket))
    }

    pub(crate) fn unix(to: &Path) -> anyhow::Result<Target> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(to).with_context(|| format!("connecting to {}", to.display()))?;
        Ok(Target::Unix(socket))
    }

    fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Target::Udp(socket) => socket.as_fd(),
            Target::Unix(socket) => socket.as_fd(),
        }
    }
}

/// What was sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    pub(crate) datagrams: u64,
    pub(crate) elapsed: Duration,
}

impl Sent {
    pub(crate) fn per_second(&self) -> f64 {
        self.datagrams as f64 / self.elapsed.as_secs_f64()
    }
}

/// The `at`-th name.
pub(crate) fn name(at: u32) -> String {
    format!("owner{}/repo-{at}", at % 977)
}

/// The message that nginx sends for a hit on it: ghit.me's route.
pub(crate) fn datagram(at: u32, date: &str) -> String {
    format!("<158>Nov 20 12:00:00 web1 badge: {}", record(at, date))
}

/// The record in it: what a log file of the badge format has on a line.
pub(crate) fn record(at: u32, date: &str) -> String {
    format!("\"{date}\",\"{}\"", name(at).replace('/', "%2F"))
}

/// Which names, in which order.
pub(crate) fn picks(load: &Load) -> Vec<u32> {
    let mut random = Random(load.seed);
    let last = load.names - 1;
    let log = (f64::from(load.names) + 1.0).ln();
    let pick = |at: u64| match load.spread {
        Spread::Sweep => (at % u64::from(load.names)) as u32,
        Spread::Uniform => (random.unit() * f64::from(load.names)) as u32,
        // A rank r is picked with the probability ln((r + 2) / (r + 1)) / ln(names + 1).
        Spread::LogUniform => (((random.unit() * log).exp() - 1.0) as u32).min(last),
    };
    (0..load.count).map(pick).collect()
}

/// Lines one behind the other in one block of memory.
struct Lines {
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl Lines {
    fn of(names: u32) -> Lines {
        let date = crate::machine::today();
        let (mut text, mut ends) = (Vec::new(), vec![0]);
        for at in 0..names {
            text.extend_from_slice(datagram(at, &date).as_bytes());
            ends.push(text.len());
        }
        Lines { text, ends }
    }

    fn get(&self, at: u32) -> &[u8] {
        &self.text[self.ends[at as usize]..self.ends[at as usize + 1]]
    }
}

/// A load that is ready to be sent.
pub(crate) struct Ready {
    lines: Lines,
    picks: Vec<u32>,
    rate: Option<u64>,
}

impl Ready {
    pub(crate) fn new(load: &Load) -> Ready {
        Ready { lines: Lines::of(load.names), picks: picks(load), rate: load.rate }
    }

    /// Sends it all, on this thread. `seen` is called for every datagram that has been sent.
    pub(crate) fn send(&self, to: &Target, mut seen: impl FnMut(u32)) -> anyhow::Result<Sent> {
        let mut burst = Burst::default();
        let begin = Instant::now();
        // Paced, a millisecond's datagrams are sent together: nginx under load writes its lines that close, too.
        let together = self.rate.map_or(BURST, |rate| (rate as usize / 1000).clamp(1, BURST));
        let mut lines: Vec<&[u8]> = Vec::with_capacity(together);
        for (at, chunk) in self.picks.chunks(together).enumerate() {
            if let Some(rate) = self.rate {
                let due = Duration::from_secs_f64((at * together) as f64 / rate as f64);
                thread::sleep(due.saturating_sub(begin.elapsed()));
            }
            lines.clear();
            lines.extend(chunk.iter().map(|&pick| self.lines.get(pick)));
            burst.send(to.fd(), &lines).context("sending datagrams")?;
            chunk.iter().for_each(|&pick| seen(pick));
        }
        Ok(Sent { datagrams: self.picks.len() as u64, elapsed: begin.elapsed() })
    }
}

/// Makes a load and sends it.
pub(crate) fn send(load: &Load, to: &Target) -> anyhow::Result<Sent> {
    Ready::new(load).send(to, |_| {})
}

/// SplitMix64: small, and good enough to pick names.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: Load = Load { names: 1000, spread: Spread::LogUniform, count: 20_000, rate: None, seed: 1 };

    #[test]
    fn the_same_seed_gives_the_same_names_and_another_one_others() {
        assert_eq!(picks(&LOAD), picks(&LOAD));
        assert_ne!(picks(&LOAD), picks(&Load { seed: 2, ..LOAD }));
    }

    #[test]
    fn half_of_a_log_uniform_load_falls_on_the_root_of_the_names() {
        let picks = picks(&Load { names: 1_000_000, count: 100_000, ..LOAD });
        assert!(picks.iter().all(|&pick| pick < 1_000_000));
        let low = picks.iter().filter(|&&pick| pick < 1000).count();
        assert!((48_000..52_000).contains(&low), "{low}");
    }

    #[test]
    fn a_sweep_hits_every_name_as_often() {
        let picks = picks(&Load { spread: Spread::Sweep, count: 2000, ..LOAD });
        assert!((0..1000).all(|name| picks.iter().filter(|&&pick| pick == name).count() == 2));
    }

    #[test]
    fn uniform_picks_stay_in_range_and_reach_both_ends() {
        let picks = picks(&Load { spread: Spread::Uniform, ..LOAD });
        assert!(picks.iter().all(|&pick| pick < 1000) && picks.contains(&0) && picks.contains(&999));
    }

    /// Every datagram arrives once and whole. Paced, so that the socket of the test never overflows.
    #[test]
    fn udp_generator_sends_exactly_what_it_says() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let to = socket.local_addr().unwrap();
        let load = Load { count: 5000, rate: Some(20_000), ..LOAD };
        let receiver = thread::spawn(move || {
            let mut buffer = [0; 512];
            let date = crate::machine::today();
            for pick in picks(&load) {
                let length = socket.recv(&mut buffer).unwrap();
                assert_eq!(&buffer[..length], datagram(pick, &date).as_bytes());
            }
            socket.set_nonblocking(true).unwrap();
            assert!(socket.recv(&mut buffer).is_err(), "and nothing more");
        });
        let sent = send(&load, &Target::udp(to).unwrap()).unwrap();
        assert_eq!(sent.datagrams, 5000);
        assert!(sent.elapsed >= Duration::from_millis(240), "paced: {:?}", sent.elapsed);
        receiver.join().unwrap();
    }

    #[test]
    fn unix_generator_sends_exactly_what_it_says_however_slow_the_reader() {
        let dir = tallymark_testbed::temp_dir();
        let path = dir.path().join("socket");
        let socket = UnixDatagram::bind(&path).unwrap();
        let receiver = thread::spawn(move || {
            let mut buffer = [0; 512];
            (0..LOAD.count).map(|_| socket.recv(&mut buffer).unwrap() as u64).sum::<u64>()
        });
        send(&LOAD, &Target::unix(&path).unwrap()).unwrap();
        let date = crate::machine::today();
        let bytes: u64 = picks(&LOAD).iter().map(|&pick| datagram(pick, &date).len() as u64).sum();
        assert_eq!(receiver.join().unwrap(), bytes);
    }
}
