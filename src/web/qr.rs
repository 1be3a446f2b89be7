//! QR codes, for inline SVG.

use std::fmt::Write;

use qrcode::{Color, QrCode};

/// The light border that a reader needs, in modules.
const BORDER: usize = 4;

pub struct Qr {
    /// The `viewBox` of the SVG.
    pub view_box: String,
    /// The `d` of a path that fills the dark modules.
    pub path: String,
}

impl Qr {
    /// `None` for a text that is too long.
    pub fn of(text: &str) -> Option<Self> {
        let code = QrCode::new(text).ok()?;
        let (width, modules) = (code.width(), code.into_colors());
        let mut path = String::new();
        for (y, row) in modules.chunks(width).enumerate() {
            let mut x = 0;
            for run in row.chunk_by(|one, next| one == next) {
                if run[0] == Color::Dark {
                    let length = run.len();
                    write!(path, "M{x} {y}h{length}v1h-{length}z").ok()?;
                }
                x += run.len();
            }
        }
        let side = width + 2 * BORDER;
        Some(Self {
            view_box: format!("-{BORDER} -{BORDER} {side} {side}"),
            path,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_has_a_border_and_begins_with_the_mark_of_its_corner() {
        let code = Qr::of("https://door.example/s/AAAAAAAAAAAAAAAAAAAAAA").unwrap();
        assert_eq!(code.view_box, "-4 -4 37 37");
        assert!(code.path.starts_with("M0 0h7v1h-7z"), "{}", code.path);
        assert!(Qr::of(&"x".repeat(3000)).is_none());
    }
}
