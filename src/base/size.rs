//! Sizes as a person reads them. A MB is 1,000,000 bytes, as in the settings.

/// `0 bytes`, `1 byte`, `999 bytes`, `1.2 kB`, `34 MB`, `5.6 GB`: at least two digits, rounded
/// down, so that no size looks larger than it is.
pub fn for_reading(bytes: i64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes == 1 {
        return "1 byte".to_owned();
    }
    if bytes < 1000 {
        return format!("{bytes} bytes");
    }
    let (mut tenths, mut unit) = (bytes / 100, 0);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    let unit = UNITS[unit];
    if tenths >= 100 || tenths % 10 == 0 {
        format!("{} {unit}", tenths / 10)
    } else {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_short_and_never_too_large() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1000, "1 kB"),
            (1999, "1.9 kB"),
            (34_567, "34 kB"),
            (999_999, "999 kB"),
            (1_000_000, "1 MB"),
            (5_000_000_000, "5 GB"),
            (4_294_967_296, "4.2 GB"),
            (i64::MAX, "9223 PB"),
        ] {
            assert_eq!(for_reading(bytes), text);
        }
    }
}
