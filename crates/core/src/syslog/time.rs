//! The time in a header. Its value is not used, because most forms lack a year or a zone. It only has to be skipped.

const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
const CLOCK: usize = "hh:mm:ss".len();

/// Skips `Mmm dd hh:mm:ss ` as nginx writes it. Its day may be padded with a space, with a zero, or not at all.
pub(super) fn skip_nginx(text: &[u8]) -> Option<&[u8]> {
    let rest = skip_clock(skip_day(text)?)?;
    rest.strip_prefix(b" ")
}

/// Skips any time that relays write: BSD with or without a year or a fraction, Cisco's with a mark in front, and ISO. A
/// year or a zone after it is a word like any other.
pub(super) fn skip(text: &[u8]) -> Option<&[u8]> {
    let rest = match *text.first()? {
        b'0'..=b'9' => skip_iso(text)?,
        b'*' | b'.' => skip_bsd(&text[1..])?,
        _ => skip_bsd(text)?,
    };
    // A fraction, a zone without a space in front, Cisco's colon.
    let end = rest.iter().position(|&b| b == b' ').unwrap_or(rest.len());
    let tail = rest[..end].iter().all(|b| b.is_ascii_digit() || b".,:+-Zz".contains(b));
    tail.then_some(&rest[end..])
}

/// Skips `YYYY-MM-DDThh:mm:ss` and leaves a fraction and a zone.
pub(super) fn skip_iso(text: &[u8]) -> Option<&[u8]> {
    let rest = skip_iso_date(text)?;
    skip_clock(rest.strip_prefix(b"T").or(rest.strip_prefix(b" "))?)
}

fn skip_bsd(text: &[u8]) -> Option<&[u8]> {
    let rest = skip_day(text)?;
    let year = rest.split_at_checked(5).filter(|(year, _)| year[..4].iter().all(u8::is_ascii_digit));
    match year {
        Some((year, after)) if year[4] == b' ' => skip_clock(after),
        _ => skip_clock(rest),
    }
}

/// Skips `Mmm dd ` and leaves what follows.
fn skip_day(text: &[u8]) -> Option<&[u8]> {
    let digit = |b: u8| b.is_ascii_digit();
    let (month, rest) = text.split_at_checked(3)?;
    if !MONTHS.chunks_exact(3).any(|known| known == month) {
        return None;
    }
    match *rest {
        [b' ', b' ', d, b' ', ..] if digit(d) => Some(&rest[4..]),
        [b' ', d1, d2, b' ', ..] if digit(d1) && digit(d2) => Some(&rest[4..]),
        [b' ', d, b' ', ..] if digit(d) => Some(&rest[3..]),
        _ => None,
    }
}

fn skip_clock(text: &[u8]) -> Option<&[u8]> {
    let (clock, rest) = text.split_at_checked(CLOCK)?;
    matches(clock, b"00:00:00").then_some(rest)
}

fn skip_iso_date(text: &[u8]) -> Option<&[u8]> {
    const DATE: &[u8] = b"0000-00-00";
    let (date, rest) = text.split_at_checked(DATE.len())?;
    matches(date, DATE).then_some(rest)
}

/// Whether a text matches a pattern in which `0` is any digit.
fn matches(text: &[u8], form: &[u8]) -> bool {
    text.iter().zip(form).all(|(b, form)| if *form == b'0' { b.is_ascii_digit() } else { b == form })
}
