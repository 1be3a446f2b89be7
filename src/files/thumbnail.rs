//! Thumbnails of images.
//!
//! A decoder reads untrusted files, so limits are set before it begins.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageDecoder, ImageReader, Limits};

/// A longer file is not decoded.
pub const FILE_MAX_BYTES: i64 = 12_000_000;
/// A larger image is not decoded either: this is the size of a phone's photo.
const PIXELS_MAX: u64 = 16_000_000;
const SIDE_MAX: u32 = 16_384;
/// Twice as large as it is shown, for screens of high density.
const SIDE: u32 = 96;
const JPEG_QUALITY: u8 = 75;

/// A PNG or JPEG of at most 96 x 96 pixels. `None` for a file that is not an image, is broken or is
/// too large. Decoding takes memory: one image at a time.
pub fn make(content: &[u8]) -> Option<Vec<u8>> {
    if is_animated_webp(content) {
        return None;
    }
    let mut reader = ImageReader::new(Cursor::new(content))
        .with_guessed_format()
        .ok()?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_MAX);
    limits.max_image_height = Some(SIDE_MAX);
    limits.max_alloc = Some(PIXELS_MAX * 4);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().ok()?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels > PIXELS_MAX || decoder.total_bytes() > PIXELS_MAX * 4 {
        return None;
    }
    let orientation = decoder.orientation().ok()?;
    let mut small = DynamicImage::from_decoder(decoder)
        .ok()?
        .thumbnail(SIDE, SIDE);
    small.apply_orientation(orientation);
    let mut written = Cursor::new(Vec::new());
    if small.color().has_alpha() {
        let eight_bits = DynamicImage::from(small.into_rgba8());
        eight_bits
            .write_to(&mut written, image::ImageFormat::Png)
            .ok()?;
    } else {
        let encoder = JpegEncoder::new_with_quality(&mut written, JPEG_QUALITY);
        small.into_rgb8().write_with_encoder(encoder).ok()?;
    }
    Some(written.into_inner())
}

/// Its decoder keeps canvases that no limit covers (RFC 9649, section 2.7.1: the flag A).
fn is_animated_webp(content: &[u8]) -> bool {
    content.get(12..16) == Some(b"VP8X") && content.get(20).is_some_and(|flags| flags & 2 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};

    fn written(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn size(small: &[u8]) -> (u32, u32) {
        let small = image::load_from_memory(small).unwrap();
        (small.width(), small.height())
    }

    #[test]
    fn an_image_of_each_kind_becomes_small_and_keeps_its_shape() {
        let image = DynamicImage::from(RgbImage::from_pixel(400, 100, Rgb([200, 10, 10])));
        for format in [
            ImageFormat::Png,
            ImageFormat::Jpeg,
            ImageFormat::Gif,
            ImageFormat::WebP,
        ] {
            let small = make(&written(&image, format)).unwrap();
            assert_eq!(size(&small), (96, 24), "{format:?}");
        }
        let clear = DynamicImage::from(RgbaImage::from_pixel(10, 300, Rgba([0, 0, 0, 0])));
        let small = make(&written(&clear, ImageFormat::Png)).unwrap();
        assert!(small.starts_with(b"\x89PNG"), "it stays transparent");
    }

    #[test]
    fn an_animated_webp_gets_no_thumbnail() {
        let image = DynamicImage::from(RgbImage::new(8, 8));
        let still = written(&image, ImageFormat::WebP);
        assert!(!is_animated_webp(&still) && make(&still).is_some());
        let moving = b"RIFF\x40\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0";
        assert!(is_animated_webp(moving));
        assert!(make(moving).is_none());
    }

    #[test]
    fn a_broken_or_too_large_image_gets_no_thumbnail() {
        let image = DynamicImage::from(RgbImage::new(64, 64));
        let whole = written(&image, ImageFormat::Png);
        assert!(make(&whole).is_some());
        assert!(make(&whole[..whole.len() / 2]).is_none());
        for nothing in [
            &b""[..],
            b"\x89PNG\r\n\x1a\n",
            b"no image at all",
            b"<svg/>",
        ] {
            assert!(make(nothing).is_none());
        }
        // A few kilobytes that would expand to 17 million pixels.
        let bomb = written(
            &DynamicImage::from(image::GrayImage::new(4123, 4123)),
            ImageFormat::Png,
        );
        assert!(bomb.len() < 100_000);
        assert!(make(&bomb).is_none());
        // The largest number of pixels, and each is twice as large.
        let deep = DynamicImage::from(image::ImageBuffer::<Rgba<u16>, _>::new(3000, 3000));
        assert!(make(&written(&deep, ImageFormat::Png)).is_none());
        // An image that only claims the size: the size in its header is changed.
        let mut lying = whole.clone();
        lying[16..24].copy_from_slice(&[0, 0, 0x3f, 0xff, 0, 0, 0x3f, 0xff]);
        assert!(make(&lying).is_none());
    }
}
