//! The process that draws: reads SVG pictures from its parent, and answers each with a PNG. It is `tallymark` itself,
//! with a hidden command.
//!
//! A picture can contain an image from a stranger. The renderer panics on some of these, and takes hours for others.
//! Here that ends this process, and not the one that counts. It has no store, no socket and no secret, and it ends when
//! its parent does, since that closes the pipe.

use super::{draw::draw, fonts};
use std::{
    io::{self, ErrorKind, Read, Write},
    process, str,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

/// A picture that takes more of a processor is not drawn. The largest charts take a tenth of it.
const MOST_WORK: Duration = Duration::from_secs(3);
/// How often that is looked at while a picture is drawn.
const LOOK: Duration = Duration::from_millis(100);
/// The exit code then.
pub(super) const TOO_LONG: i32 = 3;

/// An answer begins with one of these.
pub(super) const DRAWN: u8 = 0;
pub(super) const NOT_DRAWN: u8 = 1;

/// Draws what `orders` holds, until its end.
///
/// An order is the scale in a byte, and the SVG. An answer is a 0 and a PNG, or a 1 and the reason. Both
/// have the length, in four bytes, in front of what is last.
///
/// # Errors
///
/// The pipes cannot be read or written, or hold something else.
pub fn draw_pictures(mut orders: impl Read, mut answers: impl Write) -> io::Result<()> {
    let clock = Stopwatch::start()?;
    // Before a picture needs them: that takes longer than a request may. Most need none.
    thread::Builder::new().name("fonts".to_owned()).spawn(fonts::load)?;
    let mut scale = [0];
    loop {
        match orders.read_exact(&mut scale) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
            read => read?,
        }
        let svg = read_part(&mut orders)?;
        clock.turn();
        let picture = match str::from_utf8(&svg) {
            Ok(svg) => draw(svg, f32::from(scale[0])).map_err(|why| why.to_string()),
            Err(why) => Err(why.to_string()),
        };
        clock.turn();
        let (kind, content) = match picture {
            Ok(picture) => (DRAWN, picture),
            Err(why) => (NOT_DRAWN, why.into_bytes()),
        };
        answers.write_all(&[kind])?;
        answers.write_all(&u32::try_from(content.len()).map_err(io::Error::other)?.to_le_bytes())?;
        answers.write_all(&content)?;
        answers.flush()?;
    }
}

fn read_part(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut content = vec![0; u32::from_le_bytes(length) as usize];
    from.read_exact(&mut content)?;
    Ok(content)
}

/// Ends the process if a picture takes too long: nothing else stops the renderer. It goes by the time of the processor,
/// so that a busy machine still draws.
struct Stopwatch(mpsc::Sender<()>);

impl Stopwatch {
    fn start() -> io::Result<Stopwatch> {
        let (turns, heard) = mpsc::channel();
        let watch = move || {
            while heard.recv().is_ok() {
                let mut begun = worked();
                while heard.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                    // Until then, another thread works, too.
                    if !fonts::are_loaded() {
                        begun = worked();
                    } else if worked() - begun > MOST_WORK {
                        process::exit(TOO_LONG);
                    }
                }
            }
        };
        thread::Builder::new().name("stopwatch".to_owned()).spawn(watch)?;
        Ok(Stopwatch(turns))
    }

    /// A picture begins, or it is done.
    fn turn(&self) {
        // The thread lives as long as this does.
        let _ = self.0.send(());
    }
}

/// The processor's time that this process has had.
fn worked() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(scale: u8, svg: &[u8]) -> Vec<u8> {
        [&[scale], &u32::try_from(svg.len()).unwrap().to_le_bytes()[..], svg].concat()
    }

    #[test]
    fn every_order_has_an_answer() {
        let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"4\" height=\"2\"/>";
        let orders = [order(1, svg), order(2, b"<svg"), order(3, b"\xff"), order(4, svg)].concat();
        let mut answers = Vec::new();
        draw_pictures(&orders[..], &mut answers).unwrap();
        let mut answers = &answers[..];
        let mut next = || {
            let (kind, rest) = answers.split_first().unwrap();
            answers = rest;
            (*kind, read_part(&mut answers).unwrap())
        };
        let is_png = |(kind, content): (u8, Vec<u8>)| kind == DRAWN && content.starts_with(b"\x89PNG");
        assert!(is_png(next()));
        assert_eq!(next().0, NOT_DRAWN);
        assert_eq!(next().0, NOT_DRAWN);
        assert!(is_png(next()));
        assert!(answers.is_empty());
    }

    #[test]
    fn half_an_order_is_an_error() {
        for orders in [&[1][..], &[1, 4, 0, 0, 0, b'<']] {
            let error = draw_pictures(orders, Vec::new()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        }
    }
}
