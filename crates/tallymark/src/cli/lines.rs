//! What `import log` and `replay` share: the format of lines, and the message if none of them counts.

use super::{
    CommonFlags, Misuse,
    environment::{LOG_FORMAT_STRING, is_on_command_line},
};
use crate::config::{Config, Kind, Source};
use anyhow::{Result, anyhow, bail};
use clap::Args;
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read},
    path::Path,
    sync::Arc,
};
use tallymark_core::{Dating, Line, Lines, Reject, Routes, syslog};
use tallymark_ingest::{
    IngestMeters, Intake, LineFormat, NotUnpacked, UNDERSTOOD, header_in_front,
    source::{is_of_log, now},
    unpacked,
};
use tallymark_store::owner::{reading_hint, shell_word};
use tracing::{error, warn};

/// How much of a file is read to detect its format.
const SAMPLE: usize = 64 * 1024;
const FORMATS: [(&str, LineFormat); 4] = [
    ("auto", LineFormat::Auto),
    ("syslog", LineFormat::Syslog),
    ("record", LineFormat::Record),
    ("combined", LineFormat::Combined),
];

/// How lines are read.
#[derive(Debug, Args)]
pub(super) struct Reading {
    /// What the lines look like: auto (records, alone or as a syslog daemon writes them), syslog, record, or combined
    /// (an access log: combined, common and relatives, or JSON) [default: that of the [[source]] of this file, else auto].
    #[arg(long, value_parser = format, value_name = "FORMAT")]
    format: Option<LineFormat>,
    /// Only the route with this tag [default: that of the [[source]] of this file, else every route].
    #[arg(long, value_name = "TAG")]
    route: Option<String>,
}

/// How a daemon reads the log of --file.
#[derive(Debug, Args)]
pub(super) struct FollowedFormat {
    /// What the lines of --file look like: auto, syslog, record or combined.
    #[arg(long, value_parser = format, value_name = "FORMAT", help_heading = "Listening")]
    format: Option<LineFormat>,
}

impl FollowedFormat {
    /// The flag that takes any format of lines has its place in the configuration.
    pub(super) fn translate(self, mut common: CommonFlags) -> Result<CommonFlags> {
        refuse_two_formats(self.format.as_ref(), &common)?;
        if self.format.is_some() {
            if common.log_file.is_none() {
                return Err(Misuse::because(
                    "--format says what the lines of --file look like: give that too, or set format in the [[source]]",
                ));
            }
            common.log_format_string = self.format;
        }
        Ok(common)
    }
}

fn format(text: &str) -> Result<LineFormat, String> {
    let found = FORMATS.iter().find(|(word, _)| *word == text);
    found.map(|(_, format)| format.clone()).ok_or_else(|| "write auto, syslog, record or combined".to_owned())
}

/// One of the two says what lines look like.
pub(super) fn refuse_two_formats(format: Option<&LineFormat>, common: &CommonFlags) -> Result<()> {
    if format.is_some() && common.log_format_string.is_some() && is_on_command_line(LOG_FORMAT_STRING) {
        return Err(Misuse::because("--log-format-string says what lines look like: leave --format out"));
    }
    Ok(())
}

/// How the lines of one file are read.
#[derive(Clone, PartialEq)]
pub(super) struct FileReading {
    pub(super) routes: Arc<Routes>,
    pub(super) format: LineFormat,
}

impl Reading {
    /// As the flags say, else as the source that follows the file, or has left it behind when it was rotated.
    pub(super) fn of_file(&self, file: &Path, config: &Config, common: &CommonFlags) -> Result<FileReading> {
        refuse_two_formats(self.format.as_ref(), common)?;
        let follows = |source: &&Source| match &source.kind {
            Kind::File { path, .. } => is_of_log(path, file),
            _ => false,
        };
        let source = config.sources.iter().find(follows);
        let format = self.format.clone().or_else(|| common.log_format_string.clone());
        let format = format.or_else(|| source.map(|source| source.format.clone()));
        let routes = match (&self.route, source) {
            (None, Some(source)) => config.routes_of(source),
            _ => self.routes(config)?,
        };
        Ok(FileReading { routes, format: format.unwrap_or(LineFormat::Auto) })
    }

    fn routes(&self, config: &Config) -> Result<Arc<Routes>> {
        let Some(tag) = &self.route else { return Ok(config.routes.clone()) };
        let routes = config.routes.only(tag);
        if routes.as_slice().is_empty() {
            let tags: Vec<&str> = config.routes.as_slice().iter().map(|route| route.tag.as_str()).collect();
            let tags = tags.join(", ");
            return Err(Misuse::because(format!("no [[route]] has the tag {tag:?}; there are: {tags}")));
        }
        Ok(Arc::new(routes))
    }

    /// What helps if no line was understood, or fewer than were not. Lines that were understood but do not count are not a
    /// failure: an access log may contain no badge. `sample` is the beginning of the file, unpacked.
    pub(super) fn advise(
        &self,
        file: &Path,
        config: &Config,
        read_as: &LineFormat,
        (accepted, rejected): (u64, &BTreeMap<&'static str, u64>),
        sample: Option<&[u8]>,
    ) -> Option<Advice> {
        let sum = |is: &dyn Fn(&str) -> bool| -> u64 {
            rejected.iter().filter(|(label, _)| is(label)).map(|(_, count)| count).sum()
        };
        let is_understood = |label: &str| UNDERSTOOD.iter().any(|reject| reject.label() == label);
        let understood = accepted + sum(&is_understood);
        let others = sum(&|label| !is_understood(label) && label != Reject::Empty.label());
        let shown = shown(file);
        if others <= understood {
            let (path, base) = (|| other_path(sample?, config.routes.base()), config.routes.base());
            let path =
                path().filter(|_| accepted == 0 && rejected.contains_key(Reject::NotABadge.label()))?;
            let now = if base.is_empty() { "has no path".to_owned() } else { format!("has the path {base}") };
            let text = format!(
                "{shown} has requests for badges below {path}, and base-url {now}: set base-url under [http] to the address \
                 with the path {path}"
            );
            return Some(Advice { text, is_failure: false });
        }
        if understood == 0 {
            let reason = self.why_none(&shown, file, config, read_as, rejected, sample);
            return Some(Advice { text: reason, is_failure: true });
        }
        let format =
            sample.and_then(|text| guess(text, config)).filter(|format| *format != word_of(read_as))?;
        let command = match is_stdin(file) {
            true => format!("repeat the command with --format {format}"),
            false => {
                format!("tallymark replay {} --format {format} shows what would count", shell_word(file))
            }
        };
        let text = format!(
            "{others} of {} lines of {shown} are none of ours. Most look like {}: {command}",
            others + understood,
            kind_of(format)
        );
        Some(Advice { text, is_failure: false })
    }

    /// Why no line of a file was understood, and what helps.
    fn why_none(
        &self,
        shown: &str,
        file: &Path,
        config: &Config,
        read_as: &LineFormat,
        rejected: &BTreeMap<&'static str, u64>,
        sample: Option<&[u8]>,
    ) -> String {
        if let Some(name) = utf16(rejected, sample) {
            let convert = match is_stdin(file) {
                true => format!("pipe it through iconv -f {name} -t UTF-8"),
                false => format!("convert it with iconv -f {name} -t UTF-8 {}", shell_word(file)),
            };
            return format!("{shown} is text in UTF-16: {convert}");
        }
        let lines = || sample.unwrap_or_default().split(|&byte| byte == b'\n');
        if rejected.contains_key(Reject::Tag.label())
            && let Some(header) = lines().find_map(header_in_front)
        {
            let defaults = match config.default_tags_off().is_empty() {
                true => {
                    ". It turns the default routes off: write those that you need beside it (tallymark help syslog)"
                }
                false => "",
            };
            return format!(
                "no line of {shown} can be counted: its lines have the syslog tag {}, and no [[route]] has \
                 that. Add a [[route]] with {} to the configuration, then repeat the command with --format \
                 {}{defaults}",
                header.tag,
                header.keys(),
                header.format
            );
        }
        if rejected.contains_key(Reject::Filter.label())
            && let Some((has, wants)) = lines().find_map(|line| syslog::filtered_out(line, &config.routes))
        {
            return format!(
                "no line of {shown} can be counted: its lines are {has}, and the [[route]] with their tag takes \
                 {wants}. Set facility and severity of that [[route]] to what its lines have"
            );
        }
        let without = if self.route.is_some() { ", without --route" } else { "" };
        // Not a whole command: one without the flags of this one, like --dry-run, would do something else.
        match sample.and_then(|text| guess(text, config)) {
            Some("combined") if *read_as == LineFormat::Combined => {}
            Some("combined") => {
                return format!(
                    "no line of {shown} has the expected format. It looks like an access log: repeat the \
                     command with --format combined"
                );
            }
            Some(format) => {
                return format!(
                    "no line of {shown} has the expected format. Repeat the command with --format \
                     {format}{without}"
                );
            }
            None => {}
        }
        if rejected.contains_key(Reject::NoRequest.label()) {
            return format!(
                "no line of {shown} has the expected format. They are JSON objects without a key that says what \
                 was requested, such as request, request_uri or uri: tallymark help files. If it is an access \
                 log, --log-format-string takes the log_format that wrote it"
            );
        }
        format!(
            "no line of {shown} has the expected format. The reasons are above. If it is an access log, \
             --log-format-string takes the log_format that wrote it; else [[route]] in the configuration says \
             what lines look like"
        )
    }

    /// An error about a file, with what lets this user read it, or the command that unpacks it.
    pub(super) fn unreadable(&self, error: io::Error, file: &Path, command: &str) -> anyhow::Error {
        let packed = error.get_ref().and_then(|inner| inner.downcast_ref::<NotUnpacked>());
        let Some(NotUnpacked { command: unpack, .. }) = packed.filter(|_| !is_stdin(file)) else {
            return unreadable(error, file);
        };
        let unpack = format!("{unpack} {}", shell_word(file));
        let format = self.format.as_ref().map(|format| format!(" --format {}", word_of(format)));
        let route = self.route.as_deref().map(|tag| format!(" --route {}", shell_word(Path::new(tag))));
        let flags: String = format.into_iter().chain(route).collect();
        anyhow!("reading {}: {error}: {unpack} | tallymark {command}{flags} -", shown(file))
    }
}

/// What is said of a file whose lines are not ours.
pub(super) struct Advice {
    pub(super) text: String,
    /// None of them is.
    is_failure: bool,
}

/// Says it, and fails if a file has no line that is one of ours, or could not be read.
pub(super) fn conclude(advice: Vec<Advice>, files: usize, unread: usize) -> Result<()> {
    let (failures, hints): (Vec<Advice>, Vec<Advice>) = advice.into_iter().partition(|it| it.is_failure);
    hints.iter().for_each(|hint| warn!("{}", hint.text));
    match &failures[..] {
        [] if unread > 0 => {
            bail!("{unread} of {files} files could not be read completely: the reasons are above")
        }
        [] => Ok(()),
        [only] if unread == 0 => bail!("{}", only.text),
        all => {
            all.iter().for_each(|failure| error!("{}", failure.text));
            bail!("{} of {files} files have no line in the expected format", all.len())
        }
    }
}

fn word_of(format: &LineFormat) -> &'static str {
    FORMATS.iter().find(|(_, known)| known == format).map_or("", |(word, _)| word)
}

fn kind_of(format: &str) -> &'static str {
    if format == "combined" { "an access log" } else { "records" }
}

/// The path below which requests for badges are, if it is not that of base-url.
fn other_path(sample: &[u8], base: &str) -> Option<String> {
    let below = |line: &[u8]| {
        let find = |part: &[u8]| line.windows(part.len()).position(|at| at == part);
        let at = find(b"/badge.svg?").or_else(|| find(b"/badge/"))?;
        let start = line[..at].iter().rposition(|byte| b" \"?".contains(byte)).map_or(0, |before| before + 1);
        let path = std::str::from_utf8(&line[start..at]).ok()?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
        (path.starts_with('/') && path != base && path.bytes().all(plain)).then(|| path.to_owned())
    };
    sample.split(|&byte| byte == b'\n').find_map(below)
}

pub(super) fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

/// What a file is called in a message.
pub(super) fn shown(file: &Path) -> String {
    if is_stdin(file) { "standard input".to_owned() } else { file.display().to_string() }
}

/// What iconv calls the encoding of a text, if that is UTF-16. Without a mark in front, every other byte of what web servers
/// write is 0.
fn utf16(rejected: &BTreeMap<&'static str, u64>, sample: Option<&[u8]>) -> Option<&'static str> {
    if rejected.contains_key(Reject::Utf16.label()) {
        return Some("UTF-16");
    }
    let (pairs, _) = sample?.as_chunks::<2>();
    let is = |zero: usize| pairs.len() > 1 && pairs.iter().all(|pair| pair[zero] == 0 && pair[1 - zero] != 0);
    match (is(0), is(1)) {
        (true, _) => Some("UTF-16BE"),
        (_, true) => Some("UTF-16LE"),
        _ => None,
    }
}

/// Input that keeps its beginning, for the advice if no line is understood: standard input cannot be read again.
pub(super) struct Sampled<R> {
    input: R,
    beginning: Vec<u8>,
}

impl<R: Read> Sampled<R> {
    pub(super) fn new(input: R) -> Sampled<R> {
        Sampled { input, beginning: Vec::new() }
    }

    pub(super) fn beginning(self) -> Vec<u8> {
        self.beginning
    }
}

impl<R: Read> Read for Sampled<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(into)?;
        let room = SAMPLE - self.beginning.len();
        self.beginning.extend_from_slice(&into[..read.min(room)]);
        Ok(read)
    }
}

/// Opens a file that is read more than once. A pipe or a device can be read only once, and opening it may wait forever.
pub(super) fn open_again(file: &Path) -> io::Result<File> {
    let about = fs::metadata(file)?;
    if !about.is_file() && !about.is_dir() {
        let word = shell_word(file);
        let why = format!(
            "it is not a regular file. If it is a pipe, pass it on as standard input (`import log` with --id \
             TEXT): - < {word}"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    File::open(file)
}

/// An error about a log file, with what lets this user read it.
pub(super) fn unreadable(error: io::Error, file: &Path) -> anyhow::Error {
    let hint = reading_hint(&error, file);
    anyhow::Error::new(error).context(format!("reading {}{hint}", shown(file)))
}

fn is_understood(rejected: &BTreeMap<&str, u64>) -> bool {
    UNDERSTOOD.iter().any(|reject| rejected.contains_key(reject.label()))
}

/// The message for a log that was read and in which nothing counts.
pub(super) fn no_badge(accepted: u64, rejected: &BTreeMap<&'static str, u64>) -> String {
    if accepted > 0 || !is_understood(rejected) {
        return String::new();
    }
    let (no_badge, empty) = (Reject::NotABadge.label(), Reject::Empty.label());
    let others: Vec<&str> =
        rejected.keys().copied().filter(|&label| label != no_badge && label != empty).collect();
    if others.is_empty() {
        return "no request in it is for a badge: those are /badge.svg?repo=NAME and /badge/NAME.svg\n"
            .to_owned();
    }
    let besides = if rejected.contains_key(no_badge) { "besides requests for no badge, " } else { "" };
    format!("no line in it counts: {besides}lines were rejected for {}\n", others.join(", "))
}

/// The beginning of a file that can be read again, unpacked.
pub(super) fn beginning(file: File) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    unpacked(file)?.take(SAMPLE as u64).read_to_end(&mut text)?;
    Ok(text)
}

/// The format that most lines at the beginning of a file fit.
fn guess(text: &[u8], config: &Config) -> Option<&'static str> {
    let fits = |format: &LineFormat| {
        let meters = IngestMeters::quiet().source("guess");
        let limit = text.len();
        let mut intake =
            Intake::new(config.routes.clone(), format.clone(), Dating::Own, limit, limit, meters);
        let mut fit = 0;
        Lines::new(limit).push(text, |line| {
            let Line::Whole(line) = line else { return };
            let fits = match intake.take(line, now()) {
                Ok(()) => true,
                Err(reject) => UNDERSTOOD.contains(&reject),
            };
            fit += usize::from(fits);
        });
        fit
    };
    let counted = FORMATS.iter().map(|(word, format)| (fits(format), *word));
    // The first, if several fit equally well.
    counted.rev().max_by_key(|(fit, _)| *fit).filter(|(fit, _)| *fit > 0).map(|(_, word)| word)
}
