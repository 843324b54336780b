//! Locates an address: its country from the registries' lists, which are part of the program, and more from a database
//! in MaxMind's format, if the operator has one.
//!
//! A look-up only reads memory, so requests do it directly. A database is read completely and checked before it
//! replaces the previous one. It is never mapped, because an update may write into the same file. `visiting` calls
//! this, and the binary says when the file has changed.

use crate::source::open_regular;
use arc_swap::ArcSwapOption;
use maxminddb::{MaxMindDbError, Reader};
use serde::Deserialize;
use std::{
    io::{self, Read},
    net::IpAddr,
    path::Path,
    sync::Arc,
};
use tallymark_core::{AskerDetails, Country, is_local, kept_text};

/// No file of this kind is larger.
const MAX_BYTES: u64 = 1 << 30;

/// Why a database is refused.
#[derive(Debug, thiserror::Error)]
pub enum BadDatabase {
    /// The file cannot be read.
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It is too large.
    #[error("it is larger than 1 GiB, so it cannot be such a database")]
    Large,
    /// It is no database in MaxMind's format, or a damaged one.
    #[error("it is not a complete database in MaxMind's format: {0}")]
    Content(#[from] MaxMindDbError),
}

/// A database that was read and checked.
#[derive(Debug)]
pub struct GeoDatabase(Reader<Vec<u8>>);

impl GeoDatabase {
    /// Reads and checks a file, which takes a second or so for a large one.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is not whole.
    pub fn open(path: &Path) -> Result<GeoDatabase, BadDatabase> {
        let mut file = open_regular(path)?;
        if file.metadata()?.len() > MAX_BYTES {
            return Err(BadDatabase::Large);
        }
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        let reader = Reader::from_source(content)?;
        reader.verify()?;
        Ok(GeoDatabase(reader))
    }

    fn find(&self, address: IpAddr) -> Option<(Option<Country>, AskerDetails)> {
        // A database of IPv4 alone says so; for this look-up that is the same as not knowing.
        let found: FoundPlace<'_> = self.0.lookup(address).ok()?.decode().ok()??;
        Some(found.read())
    }
}

/// Where addresses are.
#[derive(Debug, Default)]
pub struct Atlas(ArcSwapOption<GeoDatabase>);

impl Atlas {
    /// Uses this database from now on, or none.
    pub fn use_database(&self, database: Option<GeoDatabase>) {
        self.0.store(database.map(Arc::new));
    }

    /// The country, and region and city in details that have nothing else yet.
    pub(crate) fn of(&self, address: IpAddr) -> (Option<Country>, AskerDetails) {
        if is_local(address) {
            return (Some(Country::Local), AskerDetails::default());
        }
        let database = self.0.load();
        let (country, details) = database.as_ref().and_then(|all| all.find(address)).unwrap_or_default();
        (country.or_else(|| iptocc::country_code(address).and_then(Country::parse)), details)
    }
}

/// A record of a database: flat, as DB-IP's and others are, or nested, as MaxMind's are.
#[derive(Deserialize)]
struct FoundPlace<'a> {
    #[serde(borrow)]
    country_code: Option<&'a str>,
    state1: Option<&'a str>,
    city: Option<NamedPlace<'a>>,
    country: Option<NamedPlace<'a>>,
    registered_country: Option<NamedPlace<'a>>,
    subdivisions: Option<Vec<NamedPlace<'a>>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NamedPlace<'a> {
    Flat(&'a str),
    Nested {
        #[serde(borrow)]
        iso_code: Option<&'a str>,
        names: Option<PlaceNames<'a>>,
    },
}

#[derive(Clone, Copy, Deserialize)]
struct PlaceNames<'a> {
    en: Option<&'a str>,
}

impl<'a> NamedPlace<'a> {
    fn code(&self) -> Option<&'a str> {
        match *self {
            NamedPlace::Flat(code) => Some(code),
            NamedPlace::Nested { iso_code, .. } => iso_code,
        }
    }

    fn name(&self) -> Option<&'a str> {
        match *self {
            NamedPlace::Flat(name) => Some(name),
            NamedPlace::Nested { names, .. } => names.and_then(|names| names.en),
        }
    }
}

impl FoundPlace<'_> {
    fn read(&self) -> (Option<Country>, AskerDetails) {
        let nested = self.country.as_ref().or(self.registered_country.as_ref());
        let country = self.country_code.or_else(|| nested.and_then(NamedPlace::code));
        let subdivision = self.subdivisions.as_ref().and_then(|all| all.first());
        let region = self.state1.or_else(|| subdivision.and_then(|place| place.code().or(place.name())));
        let city = self.city.as_ref().and_then(NamedPlace::name);
        let text = |text: Option<&str>| text.and_then(|text| kept_text(text.as_bytes()));
        let details = AskerDetails { region: text(region), city: text(city), ..AskerDetails::default() };
        (country.and_then(Country::parse), details)
    }
}

#[cfg(test)]
mod tests;
