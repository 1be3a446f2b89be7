//! Chooses the kind of hash for an unknown name.
//!
//! With the hashes of other programs in the database, accounts take different times to verify. So
//! an unknown name gets a kind too, as an account has: always the same for one name, and all
//! unknown names together in the proportions of the accounts. The response time does not tell
//! whether an account exists.

use aws_lc_rs::hmac;

use super::kind::Kind;

/// Beyond this number, the rarest kinds are left out.
const KINDS_MAX: usize = 64;

#[derive(Default)]
pub struct Mix(Vec<(Kind, u64)>);

impl Mix {
    pub fn of(mut counted: Vec<(Kind, u64)>) -> Self {
        counted.sort_by_key(|(_, accounts)| std::cmp::Reverse(*accounts));
        counted.truncate(KINDS_MAX);
        Self(counted)
    }

    /// The kind for a name; `None` without accounts. Weighted rendezvous hashing: when accounts
    /// change to another kind, unknown names only change to that kind.
    pub fn choose(&self, key: &hmac::Key, name: &str) -> Option<Kind> {
        if let [(kind, _)] = self.0[..] {
            return Some(kind);
        }
        let score = |kind: &Kind, accounts: u64| {
            let mut input = hmac::Context::with_key(key);
            input.update(kind.to_string().as_bytes());
            input.update(b"\0");
            input.update(name.as_bytes());
            -uniform(input.sign().as_ref()).ln() / accounts as f64
        };
        let scored = self
            .0
            .iter()
            .map(|(kind, accounts)| (score(kind, *accounts), *kind));
        scored
            .min_by(|(one, _), (other, _)| one.total_cmp(other))
            .map(|(_, kind)| kind)
    }
}

/// Between 0 and 1, both excluded.
fn uniform(tag: &[u8]) -> f64 {
    let bits = tag
        .iter()
        .take(8)
        .fold(0, |bits, byte| bits << 8 | u64::from(*byte));
    ((bits >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(mix: &Mix, kinds: &[Kind]) -> Vec<usize> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let mut counts = vec![0; kinds.len()];
        for number in 0..10_000 {
            let kind = mix.choose(&key, &format!("name{number}")).unwrap();
            counts[kinds.iter().position(|known| *known == kind).unwrap()] += 1;
        }
        counts
    }

    #[test]
    fn unknown_names_have_the_kinds_of_the_accounts_in_their_proportions() {
        let kinds = [
            "own:12",
            "bcrypt:10",
            "pbkdf2-sha256:1000:32",
            "scrypt:32768:8:1",
        ]
        .map(|text| Kind::parse(text).unwrap());
        let weights = [700, 200, 90, 10];
        let mix = Mix::of(kinds.into_iter().zip(weights).collect());
        // Pearson's chi-squared test with three degrees of freedom: above 25 once in 65,000 keys.
        let chi: f64 = counts(&mix, &kinds)
            .iter()
            .zip(weights)
            .map(|(count, weight)| (*count as f64, weight as f64 * 10.0))
            .map(|(count, expected)| (count - expected).powi(2) / expected)
            .sum();
        assert!(chi < 25.0, "{chi}");
        assert_eq!(
            counts(&Mix::of(vec![(kinds[1], 1)]), &kinds[1..2]),
            [10_000]
        );
    }

    #[test]
    fn a_name_keeps_its_kind_unless_accounts_have_moved_to_another() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]);
        let kinds =
            ["own:12", "bcrypt:10", "scrypt:32768:8:1"].map(|text| Kind::parse(text).unwrap());
        let before = Mix::of(kinds.into_iter().zip([100, 600, 300]).collect());
        // Half of the other accounts have signed in.
        let after = Mix::of(kinds.into_iter().zip([550, 300, 150]).collect());
        let mut moved = 0;
        for number in 0..10_000 {
            let name = format!("name{number}");
            let (was, is) = (before.choose(&key, &name), after.choose(&key, &name));
            assert!(is == was || is == Some(kinds[0]), "{name}: {was:?} {is:?}");
            moved += usize::from(is != was);
        }
        assert!((4_200..4_800).contains(&moved), "{moved}");
    }
}
