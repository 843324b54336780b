//! A day without Redis, pressed together: the lines carry their time, so a day of minutes can be sent at once. It costs
//! names and minutes, not hits; memory and the outbox stay bounded, and Redis catches up much faster than real time.

use crate::{
    Bed, Ledger, PATIENCE, Plan, Random, bed, group,
    names::most_memory,
    say,
    traffic::{self, Stream},
};
use std::time::{Duration, Instant};
use tallymark_testbed::{Redis, wait_until};

const MOST_MEMORY: u64 = 256 << 10;

/// See the module.
pub fn run(plan: &Plan) {
    let (minutes, names) = (plan.size(30, 1440), plan.size(1000, 100_000));
    let per_minute = plan.rounds(plan.size(1500, 60_000), 60_000);
    let mut redis = Redis::builder().appendonly().start();
    let bed = Bed::remote(plan, redis.url());
    bed.configure("tick = \"1s\"", "", "");
    let mut daemon = bed.start("ingest");
    bed.wait_ready();
    redis.stop();
    let mut ledger = Ledger::default();
    let sent = minutes * per_minute;
    send(&bed, &mut ledger, minutes, per_minute, names);
    wait_until("every line is read", Duration::from_secs(3600), || {
        bed.metrics().lines("syslog-tcp").received == sent
    });
    bed.wait_trouble("refused");
    wait_until("every hit is in the outbox", PATIENCE, || bed.metrics().get("outbox_hits") == sent);
    let metrics = bed.metrics();
    metrics.lines("syslog-tcp").check();
    let bytes = metrics.get("outbox_bytes");
    assert!(bytes < 2 << 30, "{bytes} bytes in the outbox");
    redis.restart();
    let back = Instant::now();
    wait_until("Redis has caught up", Duration::from_secs(4 * 3600), || {
        bed.metrics().get("outbox_hits") == 0
    });
    let took = back.elapsed().as_secs_f64();
    let memory = most_memory(&daemon);
    bed::stop(&mut daemon);
    ledger.settle(&bed.counts());
    assert!(memory <= MOST_MEMORY, "{memory} KiB of memory");
    let ratio = (minutes * 60) as f64 / took;
    say(
        "outage",
        &format!(
            "{minutes} minutes, {} hits on {} names: {} KiB in the outbox, {} MiB of memory at the most, caught up in \
             {took:.0} s ({ratio:.0} times real time), difference 0",
            group(sent),
            group(names),
            bytes >> 10,
            memory >> 10
        ),
    );
}

fn send(bed: &Bed, ledger: &mut Ledger, minutes: u64, per_minute: u64, names: u64) {
    let names = traffic::names(names);
    let mut random = Random::new(3);
    let mut stream = Stream::open(bed);
    let now = traffic::now().unix_ms / 1000;
    for minute in 0..minutes {
        let time = now - 60 * (minutes - minute) as i64;
        for _ in 0..per_minute {
            let name = &names[random.within(0, names.len() as u64) as usize];
            stream.send(&format!("<158>Nov 20 12:00:00 web1 tallymark: \"{time}.000\",\"{name}\""));
            ledger.add(name, 1);
        }
    }
    stream.finish();
}
