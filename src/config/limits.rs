//! Settings of rate limits.

use super::reader::Reader;
use super::switch;

/// At most `count` at once, refilled by `count` within each `seconds`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub count: i64,
    pub seconds: i64,
}

/// `None`: no limit.
#[derive(Clone, Debug)]
pub struct LimitsConfig {
    pub enabled: bool,
    pub account: Option<Rate>,
    pub device: Option<Rate>,
    pub address: Option<Rate>,
    pub network: Option<Rate>,
    pub sign_up_address: Option<Rate>,
    pub sign_up_network: Option<Rate>,
    pub sign_ups: Option<Rate>,
    pub share_address: Option<Rate>,
    pub share: Option<Rate>,
    pub refresh: Option<Rate>,
    pub introspect: Option<Rate>,
    pub inspect: Option<Rate>,
    pub searches: Option<Rate>,
    pub uploads: Option<Rate>,
    pub exports: Option<Rate>,
    pub links: Option<Rate>,
    pub thumbnails: Option<Rate>,
    pub names: Option<Rate>,
    pub mail_recipient: Option<Rate>,
    pub mail_address: Option<Rate>,
    pub mail_stranger: Option<Rate>,
}

impl Rate {
    const MAX: i64 = 1_000_000_000;

    /// `10/10m`, with `s`, `m`, `h` or `d`; `Some(None)` for `off`.
    fn parse(text: &str) -> Option<Option<Self>> {
        if text == "off" {
            return Some(None);
        }
        let (count, window) = text.split_once('/')?;
        let count: i64 = count.parse().ok()?;
        let (number, unit) = window.split_at_checked(window.len().checked_sub(1)?)?;
        let unit = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return None,
        };
        let number: i64 = if number.is_empty() {
            1
        } else {
            number.parse().ok()?
        };
        let seconds = number.checked_mul(unit)?;
        let is_good = (1..=Self::MAX).contains(&count) && (1..=31 * 86_400).contains(&seconds);
        is_good.then_some(Some(Self { count, seconds }))
    }
}

pub fn take(r: &mut Reader) -> LimitsConfig {
    let mut rate = |key: &'static str, default: &'static str| {
        let expected = "a number and a time, like 10/10m (s, m, h or d), or off";
        r.take(key, default, expected, Rate::parse)
    };
    let (account, device) = (
        rate("limits.account", "10/10m"),
        rate("limits.device", "10/10m"),
    );
    LimitsConfig {
        account,
        device,
        address: rate("limits.address", "60/1h"),
        network: rate("limits.network", "300/1h"),
        sign_up_address: rate("limits.sign_up_address", "20/1h"),
        sign_up_network: rate("limits.sign_up_network", "100/1h"),
        sign_ups: rate("limits.sign_ups", "1000/1h"),
        share_address: rate("limits.share_address", "20/15m"),
        share: rate("limits.share", "300/1h"),
        refresh: rate("limits.refresh", "6000/1m"),
        introspect: rate("limits.introspect", "60000/1m"),
        inspect: rate("limits.inspect", "600/1m"),
        searches: rate("limits.searches", "600/1m"),
        uploads: rate("limits.uploads", "3000/1h"),
        exports: rate("limits.exports", "10/1h"),
        links: rate("limits.links", "600/1h"),
        thumbnails: rate("limits.thumbnails", "20000/1m"),
        names: rate("limits.names", "20/1h"),
        mail_recipient: rate("limits.mail_recipient", "5/1h"),
        mail_address: rate("limits.mail_address", "30/1h"),
        mail_stranger: rate("limits.mail_stranger", "1/1d"),
        enabled: switch(r, "limits.enabled", "true"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_and_a_time() {
        for (text, count, seconds) in [
            ("10/10m", 10, 600),
            ("1/s", 1, 1),
            ("60/1h", 60, 3600),
            ("5/2d", 5, 172_800),
        ] {
            assert_eq!(
                Rate::parse(text),
                Some(Some(Rate { count, seconds })),
                "{text}"
            );
        }
        assert_eq!(Rate::parse("off"), Some(None));
        for wrong in [
            "", "10", "10/", "0/1m", "-1/1m", "10/0m", "10/1", "10/1y", "1/40d", "1/é",
        ] {
            assert_eq!(Rate::parse(wrong), None, "{wrong}");
        }
    }
}
