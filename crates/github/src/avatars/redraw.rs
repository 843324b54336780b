//! Redraws a picture from another server: it is decoded within limits, and its pixels are encoded again. So no byte of
//! the file reaches a reader, and no metadata either.

use base64::{Engine, prelude::BASE64_STANDARD};
use image::{
    DynamicImage, ImageError, ImageFormat, ImageReader, Limits, codecs::jpeg::JpegEncoder,
    imageops::FilterType,
};
use std::io::Cursor;

/// The largest file that is looked at.
pub(super) const MOST: usize = 256 * 1024;
/// The largest side of what is decoded: four times what servers hand out.
const LARGEST: u32 = 2048;
/// The memory for decoding: the largest picture, and what the decoder needs in addition.
const MEMORY: u64 = 48 << 20;
/// The side of what we draw. A card shows 40 pixels, and screens have up to two or three for each.
const SIDE: u32 = 96;
/// Quality of a JPEG, of 100.
const QUALITY: u8 = 85;

/// Why a file is no avatar.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotAPicture {
    /// It has more bytes than any avatar.
    #[error("it has more than {MOST} bytes")]
    TooLarge,
    /// Its first bytes are of no kind that we draw, whatever its name or its headers say.
    #[error("it is neither PNG nor JPEG nor WebP nor GIF")]
    Unknown,
    /// It is cut off, damaged, or too large when unpacked.
    #[error("it cannot be decoded")]
    Broken(#[source] ImageError),
    /// Ours could not be written.
    #[error("it cannot be encoded")]
    NotEncoded(#[source] ImageError),
}

/// Redraws a file, as a `data:` URI.
pub(super) fn redraw(file: &[u8]) -> Result<String, NotAPicture> {
    if file.len() > MOST {
        return Err(NotAPicture::TooLarge);
    }
    let mut reader = ImageReader::with_format(Cursor::new(file), kind_of(file).ok_or(NotAPicture::Unknown)?);
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST);
    limits.max_image_height = Some(LARGEST);
    limits.max_alloc = Some(MEMORY);
    reader.limits(limits);
    let picture = reader.decode().map_err(NotAPicture::Broken)?;
    let small = picture.resize_to_fill(SIDE, SIDE, FilterType::Triangle);
    encode(&small).map_err(NotAPicture::NotEncoded)
}

fn kind_of(file: &[u8]) -> Option<ImageFormat> {
    match file {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(ImageFormat::Png),
        [0xff, 0xd8, 0xff, ..] => Some(ImageFormat::Jpeg),
        // Of one that moves, the first picture.
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', _, ..] => Some(ImageFormat::Gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(ImageFormat::WebP),
        _ => None,
    }
}

/// A drawing is smaller as PNG and a photograph as JPEG, which knows no transparency.
fn encode(picture: &DynamicImage) -> Result<String, ImageError> {
    let pixels = picture.to_rgba8();
    let is_opaque = pixels.pixels().all(|pixel| pixel.0[3] == u8::MAX);
    let solid = DynamicImage::ImageRgba8(pixels).to_rgb8();
    let mut png = Vec::new();
    if !is_opaque {
        picture.to_rgba8().write_to(&mut Cursor::new(&mut png), ImageFormat::Png)?;
        return Ok(uri("png", &png));
    }
    solid.write_to(&mut Cursor::new(&mut png), ImageFormat::Png)?;
    let mut jpeg = Vec::new();
    solid.write_with_encoder(JpegEncoder::new_with_quality(&mut jpeg, QUALITY))?;
    Ok(if jpeg.len() < png.len() { uri("jpeg", &jpeg) } else { uri("png", &png) })
}

fn uri(kind: &str, file: &[u8]) -> String {
    format!("data:image/{kind};base64,{}", BASE64_STANDARD.encode(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{Frame, Rgb, RgbImage, Rgba, RgbaImage, codecs::gif::GifEncoder};

    fn file(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut file = Vec::new();
        picture.write_to(&mut Cursor::new(&mut file), format).unwrap();
        file
    }

    fn photograph(side: u32) -> DynamicImage {
        // Noise: no two pixels alike.
        let pixel = |x: u32, y: u32| Rgb([x, y, x ^ y].map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8));
        DynamicImage::ImageRgb8(RgbImage::from_fn(side, side, pixel))
    }

    /// The kind and the pixels of a `data:` URI.
    fn drawn(uri: &str) -> (&str, DynamicImage) {
        let (kind, data) = uri.strip_prefix("data:image/").unwrap().split_once(";base64,").unwrap();
        (kind, image::load_from_memory(&BASE64_STANDARD.decode(data).unwrap()).unwrap())
    }

    #[test]
    fn every_kind_becomes_a_small_one_of_ours() {
        for (picture, format, expect) in [
            (photograph(120), ImageFormat::Png, "jpeg"),
            (photograph(200), ImageFormat::Jpeg, "jpeg"),
            (photograph(64), ImageFormat::WebP, "jpeg"),
            (
                DynamicImage::ImageRgb8(RgbImage::from_pixel(300, 20, Rgb([9, 99, 199]))),
                ImageFormat::Png,
                "png",
            ),
            (
                DynamicImage::ImageRgba8(RgbaImage::from_pixel(1, 1, Rgba([9, 99, 199, 80]))),
                ImageFormat::Png,
                "png",
            ),
            (DynamicImage::new_luma16(50, 70), ImageFormat::Png, "png"),
            (DynamicImage::new_rgba8(50, 70), ImageFormat::Gif, "png"),
        ] {
            let uri = redraw(&file(&picture, format)).unwrap();
            let (kind, small) = drawn(&uri);
            assert_eq!((kind, small.width(), small.height()), (expect, SIDE, SIDE), "{format:?}");
            assert!(uri.len() < 50_000, "{}", uri.len());
        }
        let clear = DynamicImage::ImageRgba8(RgbaImage::from_pixel(50, 50, Rgba([9, 99, 199, 80])));
        let uri = redraw(&file(&clear, ImageFormat::Png)).unwrap();
        let (_, small) = drawn(&uri);
        assert_eq!(small.to_rgba8().get_pixel(40, 40).0[3], 80);
    }

    #[test]
    fn of_a_gif_that_moves_the_first_picture_is_taken() {
        let mut gif = Vec::new();
        let mut encoder = GifEncoder::new(&mut gif);
        for color in [[255, 0, 0, 255], [0, 0, 255, 255]] {
            encoder.encode_frame(Frame::new(RgbaImage::from_pixel(60, 60, Rgba(color)))).unwrap();
        }
        drop(encoder);
        let uri = redraw(&gif).unwrap();
        let (_, small) = drawn(&uri);
        let Rgba([red, _, blue, _]) = *small.to_rgba8().get_pixel(40, 40);
        assert!(red > 200 && blue < 50, "{red} {blue}");
        // A screen of 65,535 by 65,535, of which nothing is drawn.
        let mut bomb = gif.clone();
        bomb[6..10].copy_from_slice(&[0xff; 4]);
        assert!(matches!(redraw(&bomb), Err(NotAPicture::Broken(_))));
        assert!(matches!(redraw(&gif[..gif.len() / 3]), Err(NotAPicture::Broken(_))));
    }

    #[test]
    fn nothing_of_the_file_is_kept() {
        let mut png = file(&DynamicImage::new_rgb8(10, 10), ImageFormat::Png);
        png.extend_from_slice(b"<script>alert(1)</script>");
        let uri = redraw(&png).unwrap();
        let data = BASE64_STANDARD.decode(uri.split_once(',').unwrap().1).unwrap();
        assert!(!data.windows(7).any(|window| window == b"<script"));
    }

    #[test]
    fn what_is_no_small_picture_is_refused() {
        let png = file(&photograph(200), ImageFormat::Png);
        let jpeg = file(&photograph(200), ImageFormat::Jpeg);
        for not_known in [
            &b""[..],
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            b"<!doctype html>",
            b"GIF89a",
            b"\x89PNG",
            b"BM",
        ] {
            assert!(matches!(redraw(not_known), Err(NotAPicture::Unknown)), "{not_known:?}");
        }
        for cut in [&png[..8], &png[..png.len() / 2], &jpeg[..3], &jpeg[..20], b"RIFF\0\0\0\0WEBPVP8 "] {
            assert!(matches!(redraw(cut), Err(NotAPicture::Broken(_))), "{} bytes", cut.len());
        }
        assert!(matches!(redraw(&[&png[..], &vec![0; MOST]].concat()), Err(NotAPicture::TooLarge)));
    }

    #[test]
    fn a_bomb_does_not_go_off() {
        // Few bytes, and one line of each of them would be a gigabyte.
        let mut bomb = file(&DynamicImage::new_luma8(1, 1), ImageFormat::Png);
        bomb[16..24].copy_from_slice(&[0x3f, 0xff, 0xff, 0xff, 0x3f, 0xff, 0xff, 0xff]);
        assert!(matches!(redraw(&bomb), Err(NotAPicture::Broken(_))));
        // A correct file that unpacks to 200 times its size.
        let large = file(&DynamicImage::new_luma8(7_000, 7_000), ImageFormat::Png);
        assert!(large.len() < MOST, "{}", large.len());
        assert!(matches!(redraw(&large), Err(NotAPicture::Broken(ImageError::Limits(_)))));
        let wide = file(&DynamicImage::new_luma8(LARGEST + 1, 1), ImageFormat::Png);
        assert!(matches!(redraw(&wide), Err(NotAPicture::Broken(ImageError::Limits(_)))));
    }
}
