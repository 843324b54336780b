//! HTTP clients that are odd, slow, or too many: no request brings the daemon down or makes it answer 5xx, and
//! well-behaved clients are served all the time.

mod fuzz;
mod slow;
mod wire;

use crate::{Bed, Plan, bed, group, say};
use tallymark_testbed::{http::Client, wait_until};

const CONFIG: &str = "[http]\ntokens = [\"a-token-of-sixteen\"]\n[limits]\nbody-bytes = \"64KiB\"\n";

/// See the module.
pub fn run(plan: &Plan) {
    let bed = Bed::embedded(plan);
    bed.configure("", "", CONFIG);
    let mut daemon = bed.start("serve");
    bed.wait_ready();
    fill(&bed);
    let rows = wire::run(&bed);
    say("http", &format!("{rows} kinds of bytes on the wire, each answered or cut as it should be"));
    let asked = plan.rounds(4_000, 100_000);
    let (answers, cut) = fuzz::run(&bed, asked, plan.random());
    say("http", &format!("{} mutated requests: {answers} answers, {cut} cut off, none 5xx", group(asked)));
    slow::run(plan, &bed);
    assert!(daemon.is_running(), "{}", daemon.stderr());
    bed::stop(&mut daemon);
    assert!(!daemon.stderr().contains("panicked"), "{}", daemon.stderr());
    slow::crowd(plan);
}

/// Some counts, and their rankings, without which a list is answered 503.
fn fill(bed: &Bed) {
    let mut client = Client::connect(bed.addr());
    for name in ["a/b", "c", "%3Cscript%3E"] {
        assert_eq!(client.get(&format!("/badge.svg?repo={name}")).status, 200);
    }
    wait_until("names are ranked", crate::PATIENCE, || {
        let list = client.get("/api/v1/counters?sort=count");
        list.status == 200 && list.text().contains("a/b")
    });
}
