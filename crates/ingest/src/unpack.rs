//! The contents of a log file, compressed or not: gzip, xz, bzip2 and zstd are read as streams, including several
//! members in a row, as `cat a.gz b.gz` makes them. Other formats are refused by name. Memory is bounded, however large
//! the output is: a file that needs a larger window than [`MAX_WINDOW`] is refused. Imports, replays and rotated files
//! are read through this.

use bzip2::read::MultiBzDecoder;
use flate2::read::MultiGzDecoder;
use lzma_rust2::XzReader;
use ruzstd::decoding::{
    BlockDecodingStrategy, FrameDecoder,
    errors::{FrameDecoderError, ReadFrameHeaderError},
};
use std::io::{self, BufRead, BufReader, Read};

/// The largest window in bytes, which is the memory that it takes: that of `zstd --long`, and twice that of `xz -9`.
const MAX_WINDOW: u64 = 128 << 20;
/// The memory that xz's decoder needs in addition to its window, in KiB, generously.
const XZ_OVERHEAD: u32 = 1024;
/// The offset of the magic of a tar file, and the magic.
const TAR: (usize, &[u8]) = (257, b"ustar");
/// The longest magic of a compression format.
pub(crate) const MARK: usize = 10;
const BUFFER: usize = 64 * 1024;

/// Compression formats without a reader: their first bytes, their names, and what prints the contents of a file.
const PACKINGS: &[(&[u8], &str, &str)] = &[
    (b"PK\x03\x04", "zip", "unzip -p"),
    (b"PK\x05\x06", "zip", "unzip -p"),
    (b"PK\x07\x08", "zip", "unzip -p"),
    (b"7z\xBC\xAF\x27\x1C", "7z", "7z x -so"),
    (b"\x04\x22\x4D\x18", "lz4", "lz4 -dc"),
    (b"\x1F\x9D", "compress (.Z)", "zcat"),
    (b"LZIP", "lzip", "lzip -dc"),
    (b"\x89LZO", "lzop", "lzop -dc"),
    (b"Rar!", "rar", "unrar p -inul"),
    (b"\xFF\x06\x00\x00sNaPpY", "snappy", "snzip -dc"),
];

/// How a file is compressed.
enum Packing {
    Gzip,
    Bzip2,
    Xz,
    Zstd,
    /// In a format without a reader, and what prints its contents.
    Other(&'static str, &'static str),
}

impl Packing {
    fn of(start: &[u8]) -> Option<Packing> {
        Some(match *start {
            [0x1F, 0x8B, ..] => Packing::Gzip,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Packing::Bzip2,
            [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => Packing::Xz,
            [0x28, 0xB5, 0x2F, 0xFD, ..] | [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Packing::Zstd,
            _ => {
                let (_, name, command) = PACKINGS.iter().find(|(mark, ..)| start.starts_with(mark))?;
                Packing::Other(name, command)
            }
        })
    }
}

/// Whether a file that begins like this is compressed; [`MARK`] bytes are enough to tell.
pub(crate) fn is_packed(start: &[u8]) -> bool {
    Packing::of(start).is_some()
}

/// The contents of a file.
///
/// # Errors
///
/// The file cannot be read, or is compressed in a format that is not supported.
pub fn unpacked<'a>(input: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let (start, input) = start_of(input)?;
    Ok(match Packing::of(&start) {
        Some(Packing::Gzip) => Box::new(not_tar(MultiGzDecoder::new(input))?),
        Some(Packing::Bzip2) => Box::new(not_tar(MultiBzDecoder::new(input))?),
        Some(Packing::Xz) => Box::new(not_tar(xz(input))?),
        Some(Packing::Zstd) => Box::new(not_tar(Zstd::new(input))?),
        Some(Packing::Other(name, command)) => return Err(unreadable(name, command)),
        None => Box::new(not_tar(input)?),
    })
}

/// A file is packed in a format that is not read.
#[derive(Clone, Debug, thiserror::Error)]
#[error(
    "it is compressed as {name}, which is not supported: unpack it first, or pipe it into `-` with {command}"
)]
pub struct NotUnpacked {
    name: &'static str,
    /// What prints the contents of a file.
    pub command: &'static str,
}

fn unreadable(name: &'static str, command: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, NotUnpacked { name, command })
}

/// The first bytes, enough to recognise a tar, and the whole input including them. An error comes after what was read
/// before it.
fn start_of<'a>(mut input: impl Read + 'a) -> io::Result<(Vec<u8>, impl Read + 'a)> {
    let mut start = Vec::new();
    let read = input.by_ref().take((TAR.0 + TAR.1.len()) as u64).read_to_end(&mut start);
    let failed = read.err().map(Failed);
    if start.is_empty()
        && let Some(Failed(error)) = failed
    {
        return Err(error);
    }
    let rest: Box<dyn Read + 'a> = match failed {
        Some(failed) => Box::new(failed),
        None => Box::new(input),
    };
    Ok((start.clone(), io::Cursor::new(start).chain(rest)))
}

/// A reader that returns the same error every time.
pub(crate) struct Failed(pub(crate) io::Error);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        let packed = self.0.get_ref().and_then(|error| error.downcast_ref::<NotUnpacked>());
        Err(match packed {
            Some(packed) => io::Error::new(self.0.kind(), packed.clone()),
            None => io::Error::new(self.0.kind(), self.0.to_string()),
        })
    }
}

/// An archive is not a log, whatever it contains.
fn not_tar<'a>(input: impl Read + 'a) -> io::Result<impl Read + 'a> {
    let (start, input) = start_of(input)?;
    match start.get(TAR.0..).is_some_and(|mark| mark.starts_with(TAR.1)) {
        true => Err(unreadable("tar", "tar -xOf")),
        false => Ok(input),
    }
}

/// xz, whose blocks say what window they need.
fn xz(input: impl Read) -> impl Read {
    let limit = (MAX_WINDOW >> 10) as u32 + XZ_OVERHEAD;
    Named(XzReader::new_mem_limit(input, true, limit))
}

/// A reader that distinguishes a limit from damage.
struct Named<R>(R);

impl<R: Read> Read for Named<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // The decoder takes a read of nothing for the end of a block, and its checksum for a wrong one.
        if into.is_empty() {
            return Ok(0);
        }
        self.0.read(into).map_err(|error| match error.kind() {
            io::ErrorKind::OutOfMemory => too_large(),
            _ => error,
        })
    }
}

/// Frames of zstd, one after the other.
struct Zstd<R> {
    input: BufReader<R>,
    frame: FrameDecoder,
    in_frame: bool,
}

impl<R: Read> Zstd<R> {
    fn new(input: R) -> Zstd<R> {
        let mut frame = FrameDecoder::new();
        frame.set_max_window_size(MAX_WINDOW);
        Zstd { input: BufReader::with_capacity(BUFFER, input), frame, in_frame: false }
    }

    /// Goes to the next frame that has content.
    fn begin(&mut self) -> io::Result<()> {
        match self.frame.init(&mut self.input) {
            Ok(()) => self.in_frame = true,
            Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                length, ..
            })) => {
                io::copy(&mut self.input.by_ref().take(u64::from(length)), &mut io::sink())?;
            }
            Err(FrameDecoderError::WindowSizeTooBig { .. }) => return Err(too_large()),
            Err(error) => return Err(damaged(error)),
        }
        Ok(())
    }
}

impl<R: Read> Read for Zstd<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.in_frame {
                if self.input.fill_buf()?.is_empty() {
                    return Ok(0);
                }
                self.begin()?;
                continue;
            }
            while self.frame.can_collect() == 0 && !self.frame.is_finished() {
                let one = BlockDecodingStrategy::UptoBlocks(1);
                self.frame.decode_blocks(&mut self.input, one).map_err(damaged)?;
            }
            let read = self.frame.read(into)?;
            if read > 0 || into.is_empty() {
                return Ok(read);
            }
            let stored = self.frame.get_checksum_from_data();
            if stored.is_some() && stored != self.frame.get_calculated_checksum() {
                return Err(damaged("the checksum does not match"));
            }
            self.in_frame = false;
        }
    }
}

fn too_large() -> io::Error {
    let megabytes = MAX_WINDOW >> 20;
    let what = format!(
        "unpacking it takes a window of more than {megabytes} MiB: unpack it first, or pipe it into `-`"
    );
    io::Error::new(io::ErrorKind::Unsupported, what)
}

fn damaged(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::Write,
        process::{Command, Stdio},
    };

    fn packed(with: &str, text: &[u8]) -> Vec<u8> {
        let mut command = with.split(' ');
        let program = command.next().unwrap();
        let mut child = Command::new(program)
            .args(command)
            .arg("-c")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let text = text.to_vec();
        let writer = std::thread::spawn(move || stdin.write_all(&text));
        let out = child.wait_with_output().unwrap();
        writer.join().unwrap().unwrap();
        out.stdout
    }

    fn read(bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        unpacked(bytes)?.read_to_end(&mut text)?;
        Ok(text)
    }

    #[test]
    fn every_packing_that_is_read_is_read_whole_and_in_several_members() {
        let text: Vec<u8> =
            (0..200_000u32).flat_map(|n| format!("line {}\n", n % 777).into_bytes()).collect();
        let (a, b) = text.split_at(500_001);
        for with in ["gzip", "xz", "bzip2", "zstd"] {
            let members = [packed(with, a), packed(with, b)].concat();
            assert!(read(&members).unwrap() == text, "{with}");
            let torn = &members[..members.len() - 9];
            assert!(read(torn).is_err(), "{with} cut short");
            assert!(read(&packed(with, b"")).unwrap().is_empty(), "{with} of nothing");
        }
        assert!(read(&text).unwrap() == text);
        for short in [&b""[..], b"a", b"\x1f", b"BZ"] {
            assert_eq!(read(short).unwrap(), short);
        }
    }

    #[test]
    fn windows_are_bounded() {
        for with in ["xz --lzma2=dict=192MiB,mode=fast,mf=hc3", "zstd --ultra --long=28 --no-check"] {
            // zstd makes the window no larger than the announced size.
            let error = read(&packed(with, b"a line\n")).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{with}: {error}");
            assert!(error.to_string().contains("128 MiB"), "{with}: {error}");
        }
        assert_eq!(read(&packed("xz -9", b"a line\n")).unwrap(), b"a line\n");
    }

    /// Readers stop where something was counted before.
    #[test]
    fn content_is_the_same_in_portions_of_any_size() {
        let text: Vec<u8> = (0..3000u32).flat_map(|at| format!("line {at}\n").into_bytes()).collect();
        for with in ["gzip", "xz", "bzip2", "zstd"] {
            let bytes = packed(with, &text);
            let mut input = unpacked(&bytes[..]).unwrap();
            let mut out = Vec::new();
            for size in [0, 1, 0, 7, 0, 0, 100].into_iter().cycle() {
                let mut portion = vec![0; size];
                let length = input.read(&mut portion).unwrap_or_else(|error| panic!("{with}: {error}"));
                out.extend_from_slice(&portion[..length]);
                if length == 0 && size > 0 {
                    break;
                }
            }
            assert_eq!(out.len(), text.len(), "{with}");
            assert!(out == text, "{with}");
        }
    }

    #[test]
    fn other_packings_are_refused_by_name() {
        let mut tar = vec![0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        let rows: [(&[u8], &str, &str); 5] = [
            (b"PK\x03\x04...", "zip", "unzip -p"),
            (b"7z\xBC\xAF\x27\x1C", "7z", "7z x -so"),
            (b"\x04\x22\x4D\x18..", "lz4", "lz4 -dc"),
            (&tar, "tar", "tar -xOf"),
            (&packed("gzip", &tar), "tar", "tar -xOf"),
        ];
        for (bytes, name, command) in rows {
            let error = read(bytes).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains(command), "{error}");
        }
    }
}
