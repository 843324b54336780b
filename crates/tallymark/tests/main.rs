//! Every process test of the binary, as one program: one link in place of sixty, and tests of all files run side by side.
//!
//! `cargo test -p tallymark --test it rollback::` runs those of one file.
#![expect(clippy::unwrap_used, reason = "the functions beside the tests are test code too")]

mod activation;
mod alerts;
mod api;
mod askers;
mod avatars;
mod backup;
mod badges_heal;
mod badges_under_fire;
mod banner_files;
mod browser;
mod card_files;
mod cli;
mod common;
mod corrections;
mod corrections_random;
mod corrections_under_hits;
mod doctor;
mod emptied;
mod exactness;
mod examples;
mod explained;
mod file;
mod foreign;
mod formats;
mod front_doors;
mod garbage;
mod github_banners;
mod github_banners_import;
mod github_cards;
mod github_tracked;
mod github_traffic;
mod hitme;
mod http_clients;
mod idle;
mod import;
mod import_badge;
mod kept;
mod login;
mod looks;
mod moved;
mod moved_apart;
mod names_flood;
mod news;
mod nginx;
mod nginx_cache;
mod other_counters;
mod overload;
mod own_logos;
mod panel_files;
mod panels;
mod png;
mod proxies;
mod readme;
mod refusals;
mod relay_forms;
mod relays;
mod retention;
mod rights;
mod rollback;
mod rotations;
mod secrets;
mod serve;
mod signals;
mod snow_trace;
mod sockets;
mod stats;
mod stop;
mod stores;
mod sums;
mod supervised;
mod tail;
mod transfer;
mod users;
mod visitors;
mod visits;
mod zmq;

/// A file that no line above names would be left out without a word.
#[test]
fn every_file_beside_this_one_is_run() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for entry in std::fs::read_dir(here).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(module) = name.strip_suffix(".rs").filter(|module| *module != "main") else { continue };
        let line = format!("\nmod {module};");
        assert!(include_str!("main.rs").contains(&line), "tests/{name} is not named in tests/main.rs");
    }
}
