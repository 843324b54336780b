use super::*;
use maxminddb_writer::{Database, metadata::IpVersion, paths::IpAddrWithMask};
use serde_json::{Value, json};
use std::fs;

/// A database with these records.
fn write(path: &Path, records: &[(&str, Value)]) {
    let mut database = Database::default();
    database.metadata.ip_version = IpVersion::V6;
    database.metadata.binary_format_major_version = 2;
    database.metadata.database_type = "Test".to_owned();
    database.metadata.description.insert("en".to_owned(), "a test".to_owned());
    for (network, record) in records {
        let at = database.insert_value(record).unwrap();
        database.insert_node(network.parse::<IpAddrWithMask>().unwrap(), at);
    }
    database.write_to(fs::File::create(path).unwrap()).unwrap();
}

fn of(places: &Atlas, address: &str) -> (String, String, String) {
    let (country, details) = places.of(address.parse().unwrap());
    let country = country.map(|country| country.as_str().to_owned()).unwrap_or_default();
    let text = |text: Option<Box<str>>| text.map(String::from).unwrap_or_default();
    (country, text(details.region), text(details.city))
}

fn place(country: &str, region: &str, city: &str) -> (String, String, String) {
    (country.to_owned(), region.to_owned(), city.to_owned())
}

#[test]
fn country_is_known_without_any_database() {
    let places = Atlas::default();
    for (address, country) in [
        ("193.0.6.139", "NL"),
        ("2001:67c:2e8:22::c100:68b", "NL"),
        ("127.0.0.1", "LOCAL"),
        ("::ffff:10.0.0.1", "LOCAL"),
        ("fd00::1", "LOCAL"),
        ("100.64.3.2", "LOCAL"),
        ("203.0.113.9", ""),
        ("2001:db8::1", ""),
    ] {
        let (found, ..) = of(&places, address);
        assert_eq!(found, country, "{address}");
    }
}

#[test]
fn databases_of_both_forms_say_region_and_city() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("places.mmdb");
    write(
        &path,
        &[
            (
                "2001:db8:1::/48",
                json!({"country_code": "DE", "state1": "Berlin", "city": "Berlin", "latitude": 52.5}),
            ),
            (
                "2001:db8:2::/48",
                json!({
                    "country": {"iso_code": "GB", "names": {"en": "United Kingdom"}},
                    "subdivisions": [{"iso_code": "ENG", "names": {"en": "England"}}, {"iso_code": "X"}],
                    "city": {"geoname_id": 1, "names": {"de": "St. Albans", "en": "St Albans"}},
                }),
            ),
            ("2001:db8:3::/48", json!({"registered_country": {"iso_code": "FR"}, "city": {"names": {}}})),
            ("2001:67c:2e8::/48", json!({"city": "Amsterdam"})),
            ("2001:db8:4::/48", json!({"country": {"iso_code": "Atlantis"}, "city": "\u{1b}[1mX"})),
        ],
    );
    let places = Atlas::default();
    places.use_database(Some(GeoDatabase::open(&path).unwrap()));
    for (address, expect) in [
        ("2001:db8:1::1", place("DE", "Berlin", "Berlin")),
        ("2001:db8:2::1", place("GB", "ENG", "St Albans")),
        ("2001:db8:3::1", place("FR", "", "")),
        ("2001:db8:4::1", place("", "", "[1mX")),
        // What the database does not know, the registries may.
        ("2001:67c:2e8:22::c100:68b", place("NL", "", "Amsterdam")),
        ("193.0.6.139", place("NL", "", "")),
        ("2001:db8:9::1", place("", "", "")),
        ("fd00::1", place("LOCAL", "", "")),
    ] {
        assert_eq!(of(&places, address), expect, "{address}");
    }
    places.use_database(None);
    assert_eq!(of(&places, "2001:db8:1::1"), place("", "", ""));
}

#[test]
fn what_is_no_whole_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("places.mmdb");
    write(&path, &[("2001:db8:1::/48", json!({"country_code": "DE"}))]);
    let whole = fs::read(&path).unwrap();
    assert!(GeoDatabase::open(&path).is_ok());
    let half = &whole[..whole.len() / 2];
    for broken in [&b""[..], b"not a database", half, &whole[..whole.len() - 3]] {
        fs::write(&path, broken).unwrap();
        assert!(matches!(GeoDatabase::open(&path), Err(BadDatabase::Content(_))), "{} bytes", broken.len());
    }
    // A tree that leads nowhere.
    let mut broken = whole.clone();
    broken[..6].fill(0xee);
    fs::write(&path, broken).unwrap();
    assert!(GeoDatabase::open(&path).is_err());
    assert!(matches!(GeoDatabase::open(&dir.path().join("none")), Err(BadDatabase::Read(_))));
}
