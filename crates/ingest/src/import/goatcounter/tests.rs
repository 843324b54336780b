//! Files as `exportcsv.go` and `exportjson.go` of GoatCounter 2.7 write them, and broken ones.

use super::*;
use flate2::{Compression, Crc, write::DeflateEncoder, write::GzEncoder};
use std::io::{Cursor, Write};

/// 2026-11-30 12:00.
const NOW: Now = Now { unix_ms: 1_796_040_000_000 };
const HEAD: &str = "2Path,Title,Event,UserAgent,Browser,System,Session,Bot,Referrer,Referrer scheme,Screen size,Location,\
                    FirstVisit,Date\n";
const HEAD_1: &str =
    "1Path,Title,Event,Bot,Session,FirstVisit,Referrer,Referrer scheme,Browser,Screen size,Location,Date\n";

fn mapping() -> GoatMapping {
    let clicks = Event::new(b"click").unwrap();
    GoatMapping { pages: Event::HIT, clicks, prefix: String::new(), bots: false }
}

fn row(path: &str, event: &str, bot: &str, date: &str) -> String {
    format!("{path},Title,{event},,Firefox 80,Linux,8f5e,{bot},,,\"1920,0,1\",ID-BA,true,{date}\n")
}

fn read(file: &[u8]) -> Result<GoatExport, GoatError> {
    GoatExport::read(&mut Cursor::new(file), mapping(), NOW, &|_| {})
}

#[track_caller]
fn refused(file: &[u8], why: &str) {
    let told = read(file).unwrap_err().to_string();
    assert!(told.contains(why), "{told}");
}

/// Everything that the batches count, by event, name and time.
fn poured(file: &[u8], export: &GoatExport, cells: usize) -> (BTreeMap<String, u64>, Vec<Batch>) {
    let mut input = Cursor::new(file);
    let mut pouring = export.pour(&mut input, Uuid::nil(), &|_| {}).unwrap();
    pouring.cells = cells;
    let (mut counts, mut all) = (BTreeMap::new(), Vec::new());
    loop {
        let batches = pouring.next_batches().unwrap();
        if batches.is_empty() {
            return (counts, all);
        }
        for entry in batches.iter().flat_map(|batch| &*batch.entries) {
            let When::Minute(minute) = entry.when else { panic!() };
            *counts.entry(format!("{} {} {minute}", entry.event, entry.name)).or_default() += entry.count;
        }
        all.extend(batches);
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text).unwrap();
    packed.finish().unwrap()
}

/// A zip file as Go's archive/zip writes it: lengths and checksums behind each file, and in the directory.
fn zip(files: &[(&str, &str)]) -> Vec<u8> {
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, text) in files {
        let mut crc = Crc::new();
        crc.update(text.as_bytes());
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        let at = zip.len() as u32;
        let sizes: Vec<u8> = [crc.sum(), packed.len() as u32, text.len() as u32]
            .iter()
            .flat_map(|n| n.to_le_bytes())
            .collect();
        let name_length = (name.len() as u16).to_le_bytes();
        let common = [&[20, 0, 8, 0, 8, 0, 0, 0, 0, 0][..]].concat();
        zip.extend(
            [b"PK\x03\x04", &common[..], &[0; 12], &name_length, &[0, 0], name.as_bytes(), &packed].concat(),
        );
        zip.extend([b"PK\x07\x08", &sizes[..]].concat());
        directory.extend(
            [
                b"PK\x01\x02\x14\x00",
                &common[..],
                &sizes,
                &name_length,
                &[0; 12],
                &at.to_le_bytes(),
                name.as_bytes(),
            ]
            .concat(),
        );
    }
    let (count, size, begin) = (files.len() as u16, directory.len() as u32, zip.len() as u32);
    zip.extend(directory);
    zip.extend(
        [
            b"PK\x05\x06\0\0\0\0",
            &count.to_le_bytes()[..],
            &count.to_le_bytes(),
            &size.to_le_bytes(),
            &begin.to_le_bytes(),
            &[0, 0],
        ]
        .concat(),
    );
    zip
}

const INFO: &str = "{\n  \"export_version\": 1,\n  \"goatcounter_version\": \"2.7\",\n  \"created_for\": \"stats.example.org\",\n  \
                    \"created_by\": \"user 1 <a@example.org>\",\n  \"created_at\": \"2026-11-07T16:49:27Z\"\n}\n";
const PATHS: &str = "{\"id\":211,\"path\":\"/\",\"title\":\"Home page\"}\n{\"id\":215,\"path\":\"/api\",\"title\":\"API\"}\n\
                     {\"id\":1442298,\"event\":true,\"path\":\"click-banana\",\"title\":\"Yellow curvy fruit\"}\n";
const HOURS: &str = "{\"hour\":\"2026-03-05T19:00:00Z\",\"path_id\":211,\"ref_id\":1,\"count\":4}\n\
                     {\"hour\":\"2026-03-05T19:00:00Z\",\"path_id\":211,\"ref_id\":2,\"count\":3}\n\
                     {\"hour\":\"2026-03-07T15:00:00Z\",\"path_id\":1442298,\"ref_id\":1,\"count\":1}\n";

fn tables(hours: &str) -> [(&'static str, &str); 3] {
    let dir = |file| -> &'static str {
        match file {
            0 => "goatcounter-export-x-20260307T164927Z/info.json",
            1 => "goatcounter-export-x-20260307T164927Z/paths.jsonl",
            _ => "goatcounter-export-x-20260307T164927Z/hit_stats.jsonl",
        }
    };
    [(dir(0), INFO), (dir(1), PATHS), (dir(2), hours)]
}

#[test]
fn each_page_view_counts_in_its_minute() {
    let text = [
        HEAD,
        &row("/a.html", "false", "0", "2026-03-05T19:07:31Z"),
        &row("/a.html", "false", "0", "2026-03-05T21:07:59+02:00"),
        "\r\n",
        &row("\"/a \"\"b\"\",\nc\"", "false", "0", "2026-03-05T19:08:00Z"),
        &row("\"/a,b\"", "0", "0", "2026-03-05T19:08:00Z"),
        &row("click-banana", "true", "0", "2026-03-05T19:09:00Z"),
        &row("/bot", "false", "3", "2026-03-05T19:09:00Z"),
    ]
    .concat();
    let export = read(text.as_bytes()).unwrap();
    let findings = export.findings();
    assert_eq!((findings.received, findings.accepted, findings.hits), (6, 4, 4));
    // A name has no line feed.
    assert_eq!(findings.rejected, BTreeMap::from([("badname", 1), ("bot", 1)]));
    assert_eq!(findings.told, [(5, GoatRefusal::Name.explained())]);
    let (counts, batches) = poured(text.as_bytes(), &export, CELLS);
    let expect = [
        ("click click-banana 2026-03-05T19:09:00Z", 1),
        ("hit /a,b 2026-03-05T19:08:00Z", 1),
        ("hit /a.html 2026-03-05T19:07:00Z", 2),
    ];
    assert_eq!(counts, expect.map(|(cell, n)| (cell.to_owned(), n)).into());
    assert_eq!(batches.len(), 1);
    assert_eq!(batches[0].positions, [content_position("goatcounter:", export.content, true)]);
    // The same counts are known again, packed or not.
    let packed = gzip(text.as_bytes());
    assert_eq!(read(&packed).unwrap().content, export.content);
    assert_eq!(poured(&packed, &export, CELLS), (counts, batches));
    let other = GoatMapping { bots: true, prefix: "example.org".to_owned(), ..mapping() };
    let other = GoatExport::read(&mut Cursor::new(&text), other, NOW, &|_| {}).unwrap();
    assert_eq!(other.findings().accepted, 5);
    assert!(
        poured(text.as_bytes(), &other, CELLS).0.contains_key("hit example.org/bot 2026-03-05T19:09:00Z")
    );
}

#[test]
fn version_1_has_other_columns() {
    let text = format!(
        "{HEAD_1}/a,T,false,0,uuid,true,,,Firefox,,ID,2020-06-18T14:42:00Z\n/b,T,false,1,,,,,,,,2020-06-18T14:42:00Z\n"
    );
    let export = read(text.as_bytes()).unwrap();
    assert_eq!(export.findings().rejected, BTreeMap::from([("bot", 1)]));
    assert_eq!(
        poured(text.as_bytes(), &export, CELLS).0,
        [("hit /a 2020-06-18T14:42:00Z".to_owned(), 1)].into()
    );
}

#[test]
fn visits_by_hour_count_in_its_first_minute() {
    let file = zip(&tables(HOURS));
    let export = read(&file).unwrap();
    assert_eq!((export.findings().format, export.findings().hits), ("json", 8));
    let expect = [("click click-banana 2026-03-07T15:00:00Z", 1), ("hit / 2026-03-05T19:00:00Z", 7)];
    assert_eq!(poured(&file, &export, CELLS).0, expect.map(|(cell, n)| (cell.to_owned(), n)).into());
}

#[test]
fn batches_are_the_same_wherever_an_import_was_killed() {
    let rows: String = (0..5000)
        .map(|n| row(&format!("/{}", n % 1700), "false", "0", &format!("2026-03-05T19:{:02}:00Z", n % 60)))
        .collect();
    let text = format!("{HEAD}{rows}");
    let export = read(text.as_bytes()).unwrap();
    let (counts, batches) = poured(text.as_bytes(), &export, 1300);
    assert_eq!(counts.values().sum::<u64>(), 5000);
    assert_eq!(poured(text.as_bytes(), &export, 1300).1, batches);
    let marks: Vec<_> = batches.iter().flat_map(|batch| batch.positions.clone()).collect();
    assert_eq!(marks, [false, true].map(|done| content_position("goatcounter:", export.content, done)));
    assert_eq!(
        batches.iter().map(|batch| batch.seq).collect::<Vec<_>>(),
        (1..=batches.len() as u64).collect::<Vec<_>>()
    );
    // What has changed since is not called done.
    let changed = format!("{text}{}", row("/more", "false", "0", "2026-03-05T19:00:00Z"));
    let mut input = Cursor::new(changed.as_bytes());
    let mut pouring = export.pour(&mut input, Uuid::nil(), &|_| {}).unwrap();
    let told = loop {
        if let Err(error) = pouring.next_batches() {
            break error.to_string();
        }
    };
    assert!(told.starts_with("it has changed"), "{told}");
}

#[test]
fn rows_that_cannot_count_are_told_with_their_line() {
    let text = [
        HEAD,
        &row("/", "perhaps", "0", "2026-03-05T19:07:31Z"),
        &row("/", "false", "many", "2026-03-05T19:07:31Z"),
        &row("", "false", "0", "2026-03-05T19:07:31Z"),
        &row("~all", "false", "0", "2026-03-05T19:07:31Z"),
        &row("/", "false", "0", "2026-02-30T19:07:31Z"),
        &row("/", "false", "0", "05/Mar/2026"),
        &row("/", "false", "0", "2026-12-01T00:00:00Z"),
        "/,only\n",
        &format!("{}\n", ",".repeat(200)),
        &row("/good", "false", "0", "2026-03-05T19:07:31Z"),
    ]
    .concat();
    let export = read(text.as_bytes()).unwrap();
    let findings = export.findings();
    let expect =
        [("badname", 2), ("baddate", 2), ("botnumber", 1), ("fields", 2), ("flag", 1), ("future", 1)];
    assert_eq!(findings.rejected, expect.into());
    assert_eq!(findings.received, findings.accepted + findings.rejected.values().sum::<u64>());
    assert_eq!(findings.told.iter().map(|(line, _)| *line).collect::<Vec<_>>(), (2..=10).collect::<Vec<_>>());
    let hours = format!(
        "{HOURS}{{\"hour\":\"2026-03-05T19:00:00Z\",\"path_id\":9,\"count\":1}}\nno\n\n\
         {{\"hour\":\"2026-03-05T19:00:00Z\",\"path_id\":211,\"count\":-1}}\n{{\"hour\":\"2026-03-05\",\"path_id\":211,\"count\":1}}\n"
    );
    let export = read(&zip(&tables(&hours))).unwrap();
    assert_eq!(
        export.findings().rejected,
        [("nopath", 1), ("badjson", 1), ("badcount", 1), ("baddate", 1)].into()
    );
    assert_eq!(export.findings().told.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [4, 5, 7, 8]);
}

#[test]
fn a_broken_file_counts_nothing() {
    refused(b"", "it is empty");
    refused(b"Path,Title,Event,Bot,Date\n", "it has no version");
    refused(b"3Path,Title\n", "version 3 of the format, and this program reads 1 and 2");
    refused(b"2Path,Title,Event,Bot\n", "no column Date");
    refused(b"127.0.0.1 - - [x]\n", "begins with \"127.0.0.1 - - [x]\"");
    let good = format!("{HEAD}{}", row("/", "false", "0", "2026-03-05T19:07:31Z").repeat(500));
    // Without the line end alone, the last row is whole.
    assert!(read(good.trim_end().as_bytes()).is_ok());
    for cut in [2, 12, 25, 33] {
        refused(&good.as_bytes()[..good.len() - cut], "in the middle of the row that begins in line 501");
    }
    let packed = gzip(good.as_bytes());
    refused(&packed[..packed.len() / 2], "");
    refused(&packed[..packed.len() - 4], "");
    let long = format!("{good}\"{}", "/a,Title,false\n".repeat(100_000));
    refused(long.as_bytes(), "the row that begins in line 502 has more than 1 MiB");
    refused(format!("{HEAD}/a,{}\n", "x".repeat(10 << 20)).as_bytes(), "line 2");
    refused(&[HEAD.as_bytes(), b"/a,", &vec![b'x'; 10 << 20]].concat(), "line 2");
}

#[test]
fn a_broken_zip_file_counts_nothing() {
    let good = zip(&tables(HOURS));
    assert!(read(&good).is_ok());
    for cut in (1..good.len() - 1).step_by(7) {
        if let Ok(export) = read(&good[..cut]) {
            panic!("{cut} of {}: {:?}", good.len(), export.findings());
        }
    }
    // No flipped bit is counted: names and comments aside, everything is checked.
    let honest = read(&good).unwrap().content;
    for at in 0..good.len() {
        let mut flipped = good.clone();
        flipped[at] ^= 0x10;
        if let Ok(export) = read(&flipped) {
            assert_eq!(export.content, honest, "byte {at}");
        }
    }
    let with = |info: &'static str| {
        zip(&[("d/info.json", info), ("d/paths.jsonl", PATHS), ("d/hit_stats.jsonl", HOURS)])
    };
    assert!(read(&with("{\"export_version\":\"1.3\"}")).is_ok());
    refused(&with("{\"export_version\":2.0}"), "version 2.0 of the format, and this program reads 1.x");
    refused(&with("{}"), "info.json says no version");
    refused(&zip(&[("d/info.json", INFO)]), "the zip file has no paths.jsonl");
    let twice = [tables(HOURS).as_slice(), &[("e/info.json", INFO)]].concat();
    refused(&zip(&twice), "info.json more than once");
    let long = "x".repeat(10 << 20);
    refused(&zip(&tables(&long)), "line 1 of a table has more than 1 MiB");
    let mut many = tables(HOURS);
    let double = PATHS.repeat(2);
    many[1].1 = &double;
    refused(&zip(&many), "paths.jsonl, line 4: this id was there before");
}
