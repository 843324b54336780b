//! Colours that are written as a function of numbers: `rgb(1, 2, 3)`, `rgba(1 2 3 / 50%)`, `hsl(120, 50%, 50%)`. `color`
//! reads them.

use super::{Color, ColorError};

/// Reads `rgb()`, `rgba()`, `hsl()` or `hsla()` in lower case. None if it is neither.
pub(super) fn read(text: &str) -> Option<Result<Color, ColorError>> {
    let (function, rest) = text.split_once('(')?;
    let inside = rest.strip_suffix(')')?;
    match function {
        "rgb" | "rgba" => Some(rgb(inside).ok_or(ColorError::Decimal)),
        "hsl" | "hsla" => Some(hsl(inside).ok_or(ColorError::Hsl)),
        _ => None,
    }
}

fn rgb(inside: &str) -> Option<Color> {
    let ([r, g, b], alpha) = parts(inside)?;
    let part = |text: &str| match text.strip_suffix('%') {
        Some(percent) => Some(number(percent, 100.0)? / 100.0),
        None => Some(number(text, 255.0)? / 255.0),
    };
    let is_percent = [r, g, b].map(|text| text.ends_with('%'));
    let same = is_percent == [true; 3] || is_percent == [false; 3];
    same.then_some(Color { a: alpha, ..of_parts([part(r)?, part(g)?, part(b)?]) })
}

fn hsl(inside: &str) -> Option<Color> {
    let ([hue, saturation, lightness], alpha) = parts(inside)?;
    let hue = number(hue.strip_suffix("deg").unwrap_or(hue), 360.0)?;
    let share = |text: &str| Some(number(text.strip_suffix('%')?, 100.0)? / 100.0);
    let (saturation, lightness) = (share(saturation)?, share(lightness)?);
    // CSS Color 4, section 7.1.
    let most = saturation * f64::min(lightness, 1.0 - lightness);
    let part = |shift: f64| {
        let k = (shift + hue / 30.0) % 12.0;
        lightness - most * f64::clamp(f64::min(k - 3.0, 9.0 - k), -1.0, 1.0)
    };
    Some(Color { a: alpha, ..of_parts([part(0.0), part(8.0), part(4.0)]) })
}

/// Of numbers from 0 to 1.
fn of_parts(parts: [f64; 3]) -> Color {
    let [r, g, b] = parts.map(|part| (part * 255.0).round() as u8);
    Color::rgb(r, g, b)
}

/// Three numbers, and how opaque it is: `1, 2, 3, 0.5` or `1 2 3 / 50%`.
fn parts(inside: &str) -> Option<([&str; 3], u8)> {
    let parts: Vec<&str> = if inside.contains(',') {
        inside.split(',').map(str::trim).collect()
    } else {
        let (numbers, alpha) = inside.split_once('/').map_or((inside, None), |(a, b)| (a, Some(b.trim())));
        let numbers: Vec<&str> = numbers.split_whitespace().collect();
        if numbers.len() != 3 {
            return None;
        }
        numbers.into_iter().chain(alpha).collect()
    };
    match *parts.as_slice() {
        [a, b, c] => Some(([a, b, c], u8::MAX)),
        [a, b, c, alpha] => {
            let share = match alpha.strip_suffix('%') {
                Some(percent) => number(percent, 100.0)? / 100.0,
                None => number(alpha, 1.0)?,
            };
            Some(([a, b, c], (share * 255.0).round() as u8))
        }
        _ => None,
    }
}

/// A number from 0 to `most` in digits; Rust's own parser would take `+1`, `1e2` and `inf`.
fn number(text: &str, most: f64) -> Option<f64> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.parse().ok().filter(|number| is_plain && *number <= most)
}
