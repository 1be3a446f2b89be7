//! Hashes made by the programs themselves, and hashes that must not be computed.

use super::*;

const PASSWORD: &str = "canary-foreign-é";

/// Made by Werkzeug 3.1, bcrypt 5.0, argon2-cffi 25.1, Django 5.2 and passlib 1.7.4.
const MADE_BY_OTHERS: &[(&str, &str)] = &[
    (
        WERKZEUG,
        "scrypt:32768:8:1$iKyTaddGCjEyRkBI$d41c81356c5091688239bdaf3432313aedd5589562e46f5064ba00e767ff1e1b49536b2c6c19773a62475a4bf4743ecaefbb7521bde388c614aaca38823e60f8",
    ),
    (
        WERKZEUG,
        "pbkdf2:sha256:150000$AkmnDBmxlMhofbCR$d1f352c51665f6c707c61587eb296c586f098d10c1ae27ebeee1df8b010e118b",
    ),
    (
        WERKZEUG,
        "pbkdf2:sha1:1000$9LqOSc1J9YnZ82S9$731aa3be7c2cc2e8a647910bb3c3dc9fb2c44da6",
    ),
    (
        WERKZEUG,
        "pbkdf2:sha512:1000$3saY9Sm4FwhYneRT$22b13998b06d351f648b2edcb8642e21493ab2ba94a4a459e7594e1da089ba286630a26d316b05946d96ab5e826608dd7a3905620b2664c54e1fb35b58f684d0",
    ),
    (
        BCRYPT,
        "$2b$04$LxBjS3yYud3R6Bm3dXqBheloH.sEV6ufMUGjimQL/7R8BGDx5FMki",
    ),
    (
        BCRYPT,
        "$2a$04$Q.AULXJE7QjN3rPe60oK4.nzs1sk.MXBBotS8rMvzEvrH5ByZUdmO",
    ),
    (
        ARGON2,
        "$argon2id$v=19$m=65536,t=3,p=4$U0V/eaC/9xMK6M/yRR7l6w$isBHDUpsF4X8sDxDxVSCxKWZ8jo+OK2CdR27Iez+Ecw",
    ),
    (
        DJANGO,
        "pbkdf2_sha256$1000000$Xn449P0fqWgOdFOLTi8g89$8KULwNqicjKDp2i3nGjLzFdnROdvJY+kgZlpyN/dLcQ=",
    ),
    (
        DJANGO,
        "pbkdf2_sha1$1000000$LmlLp7waeRhmIvF7QXGXVY$chvrUqj8ucLsZjjBNCWHQa+y2ok=",
    ),
    (
        DJANGO,
        "argon2$argon2id$v=19$m=102400,t=2,p=8$bGNBb0tVU05oQkJOcHYwNGd0dFBXNQ$MNRqmkGg908tT9pTHNEbC/OMzvW2f22Vn8Xxw5tmJf8",
    ),
    (
        DJANGO,
        "scrypt$16384$InORHo9AM7HVwkjeJrJo5d$8$5$YXQhbnDRd0i1eUzpW0H3gNxNxuW0BZ0h0xmfYUdqGoxivRp/2EEE7Pov5A4ztWYTW96fPXTCiQ7x/lEIBYYQDA==",
    ),
    (
        DJANGO,
        "bcrypt_sha256$$2b$12$6ft2oa.QsD7jOAn9UzlJcutyiNF1jJ98dkE9wd193XA7Fiel8drDK",
    ),
    (
        DJANGO,
        "bcrypt$$2b$12$8qx6XZWMT/HA1i6wFIYF3unhDc2uZ0UqmjvJXYI/CFz77ucMzY3MC",
    ),
    (
        PASSLIB,
        "$pbkdf2-sha256$29000$.p.TUgphjFHqPQdgbE1pbQ$/c8POw0fnY6MzUP/MAMC72yrZXGs.zV0VOdN1.cDfaM",
    ),
    (
        PASSLIB,
        "$pbkdf2-sha512$1000$es.ZM.ac8773vhdijLFWSg$8wr2E5a/6n8o1vl24NLYiUZv97gAvtUIAaM3m6Mt3BkVLmlK5nREBvRv1RVzHpmK44gtVQhGP.HtuB56uOd7sg",
    ),
    (
        PASSLIB,
        "$pbkdf2$1000$zlmL0ZrTuldqjTFmzNkbgw$LvG.qGdyWNGQxJFxVhFZtVd8.pc",
    ),
    (
        PASSLIB,
        "$scrypt$ln=10,r=8,p=1$u1eqda51TklJybm31noPAQ$Co0RxOOs3+WivF/0QP6ihSyb+eaKfzR3myRnJDo3F5E",
    ),
    (
        PASSLIB,
        "$bcrypt-sha256$v=2,t=2b,r=4$KCsZdGlMEvXqk/5AMRbLje$wQoerPgOaCUku19dR83zERzEP8cHz.y",
    ),
    (
        PASSLIB,
        "$bcrypt-sha256$2b,4$2Ah/mCwvCiR2QMpvqhn/1.$3rDpFhtSUNWG54HYLctLDCsg6idFB/i",
    ),
    (
        CRYPT,
        "$6$MqmmEYanIWnk9yaR$Du4FbiAmX2ZNuV52snfIT5roVrmv6lYUhxLh3IcODJIZ0EspA/L4AnJ6.zqYc/OM4Wp2X2tfxvWK9iAUJCX1s1",
    ),
    (
        CRYPT,
        "{CRYPT}$6$MqmmEYanIWnk9yaR$Du4FbiAmX2ZNuV52snfIT5roVrmv6lYUhxLh3IcODJIZ0EspA/L4AnJ6.zqYc/OM4Wp2X2tfxvWK9iAUJCX1s1",
    ),
    (
        CRYPT,
        "$6$rounds=1000$97C1ww7xz2QM5BLS$hMV.jLmRyZUE37d0Nib8boV8lPRWZ4n9cAQ3ovhbwjXrRadjHrMrFOGbjpTe4leXavzv5FmKtoRnh7oKim7C./",
    ),
    (
        CRYPT,
        "$5$HTAT2t4kRFAJKTR2$ILHRC2sDbq7RIIZRFY/.pDH0PN9MrgvP603xyKGFz.5",
    ),
    (
        CRYPT,
        "$5$rounds=20000$uPZtuBetyoTQuRRA$tYnYad1cGyF1eLnzNmiD4Ofu7VcghKdlIf6xSZU5wY3",
    ),
    (
        ARGON2,
        "$argon2i$v=19$m=1024,t=3,p=1$4y5oUsEr94VFXzsK1zEdhQ$7GzTXGBMAmSo+O4WI7MRCDnLqGW+ovXadDEUPzBiNIA",
    ),
    (
        ARGON2,
        "$argon2d$v=19$m=1024,t=3,p=1$omDPuN+KGN82hcse2mCDuQ$n8rmdWVr4oSHKKKq9wrOuGxGNYtQYXvsX75APt1djuU",
    ),
    (
        ARGON2,
        "$argon2i$v=16$m=1024,t=3,p=1$MDEyMzQ1Njc4OWFiY2RlZg$qg5VD4a5Pv+rygCsH+BeJ8qeUMrvmGKj9K5pKy1j1iQ",
    ),
];

#[test]
fn hashes_of_other_programs_are_verified_and_kept_apart_by_their_tags() {
    for (tag, text) in MADE_BY_OTHERS {
        let foreign = Foreign::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!(&foreign.tag, tag, "{text}");
        assert!(foreign.is_of(PASSWORD), "{text}");
        assert!(!foreign.is_of("canary-foreign-e"), "{text}");
        assert!(Foreign::stored(&format!("{tag}{text}")).is_some());
        assert!(Foreign::stored(text).is_none(), "{text}");
    }
}

#[test]
fn a_damaged_hash_is_refused_wherever_it_is_cut() {
    for (_, text) in MADE_BY_OTHERS {
        for length in 0..text.len() {
            let cut = Foreign::parse(&text[..length]);
            // A shorter digest is accepted as long as it cannot match by chance.
            let shorter_digest = text.len() - length <= 100;
            assert!(cut.is_err() || shorter_digest, "{}", &text[..length]);
        }
        let (head, digest) = text.rsplit_once('$').unwrap();
        for digest in ["", "00", "ÄÖ", &digest.replace(|_| true, "~"), "$"] {
            assert!(
                Foreign::parse(&format!("{head}${digest}")).is_err(),
                "{head}${digest}"
            );
        }
    }
}

#[test]
fn a_hash_that_costs_too_much_or_too_little_is_refused_before_it_is_computed() {
    let hex = "ab".repeat(32);
    let base64 = STANDARD_NO_PAD.encode([7; 32]);
    for (text, why) in [
        (format!("pbkdf2:sha256:999$salt${hex}"), Unusable::TooWeak),
        (format!("pbkdf2:sha256:0$salt${hex}"), Unusable::TooWeak),
        (
            format!("pbkdf2:sha256:3000001$salt${hex}"),
            Unusable::TooCostly,
        ),
        (
            format!("pbkdf2:sha256:99999999999999999999$salt${hex}"),
            Unusable::TooCostly,
        ),
        (format!("pbkdf2:sha256:-1$salt${hex}"), Unusable::Damaged),
        (format!("pbkdf2:md5:1000$salt${hex}"), Unusable::Unknown),
        (format!("pbkdf2:sha256:1000$${hex}"), Unusable::Damaged),
        (format!("pbkdf2:sha256$salt${hex}"), Unusable::Damaged),
        (format!("scrypt:2:1:1$salt${hex}"), Unusable::TooWeak),
        (format!("scrypt:32768:0:1$salt${hex}"), Unusable::TooWeak),
        (format!("scrypt:32767:8:1$salt${hex}"), Unusable::Damaged),
        (
            format!("scrypt:4194304:8:1$salt${hex}"),
            Unusable::TooCostly,
        ),
        (
            format!("scrypt:4294967295:4294967295:4294967295$salt${hex}"),
            Unusable::TooCostly,
        ),
        (
            format!("scrypt:1024:4:2048$salt${hex}"),
            Unusable::TooCostly,
        ),
        (["$2b$03$", &".".repeat(53)].concat(), Unusable::TooWeak),
        (["$2b$16$", &".".repeat(53)].concat(), Unusable::TooCostly),
        (["$2x$10$", &".".repeat(53)].concat(), Unusable::Unknown),
        (["$2b$10$", &"z".repeat(53)].concat(), Unusable::Damaged),
        (
            format!("$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ${base64}"),
            Unusable::TooWeak,
        ),
        (
            format!("$argon2id$v=19$m=262145,t=1,p=1$c2FsdHNhbHQ${base64}"),
            Unusable::TooCostly,
        ),
        (
            format!("$argon2id$v=19$m=65536,t=33,p=1$c2FsdHNhbHQ${base64}"),
            Unusable::TooCostly,
        ),
        (
            format!("$argon2id$v=19$m=1024,t=3,p=1000$c2FsdHNhbHQ${base64}"),
            Unusable::Damaged,
        ),
        (format!("sha256$salt${hex}"), Unusable::TooWeak),
        (
            "$apr1$salt$abcdefghijklmnopqrstu/".into(),
            Unusable::TooWeak,
        ),
        (
            "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=".into(),
            Unusable::TooWeak,
        ),
        (hex, Unusable::TooWeak),
        (
            "{SSHA}MTIzNDU2Nzg5MDEyMzQ1Njc4OTBzYWx0".into(),
            Unusable::TooWeak,
        ),
        ("$6$rounds=5000$salt$abc".into(), Unusable::Damaged),
        (
            format!("$6$rounds=999$salt${}", ".".repeat(86)),
            Unusable::TooWeak,
        ),
        (
            format!("$5$rounds=3000001$salt${}", ".".repeat(43)),
            Unusable::TooCostly,
        ),
        (
            format!("$6$rounds=5000$salt${}z", ".".repeat(85)),
            Unusable::Damaged,
        ),
        (
            format!("$6$rounds=5000$0123456789abcdefg${}", ".".repeat(86)),
            Unusable::Damaged,
        ),
        (
            "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$X3DX6M94c7o".into(),
            Unusable::Unknown,
        ),
        (
            format!("$scrypt$ln=40,r=8,p=1$c2FsdA${base64}"),
            Unusable::TooCostly,
        ),
        (
            format!("$pbkdf2-sha256$999$c2FsdA${base64}"),
            Unusable::TooWeak,
        ),
        ("!x8bUnUsable".into(), Unusable::NoPassword),
        ("canary-brine-lamp-44".into(), Unusable::NoHash),
        ("scrypt".into(), Unusable::NoHash),
        (
            ["bcrypt-hs384:$2b$04$", &".".repeat(53)].concat(),
            Unusable::Unknown,
        ),
        ("$".repeat(513), Unusable::Unknown),
        (String::new(), Unusable::NoHash),
    ] {
        assert_eq!(Foreign::parse(&text).err(), Some(why), "{text}");
    }
}

#[test]
fn hashes_of_more_work_than_programs_use_exceed_the_default_limits() {
    let (hex, base64) = ("ab".repeat(32), STANDARD_NO_PAD.encode([7; 32]));
    for (usual, above) in [
        (
            ["$2b$14$", &".".repeat(53)].concat(),
            ["$2b$15$", &".".repeat(53)].concat(),
        ),
        (
            format!("pbkdf2:sha256:1300000$salt${hex}"),
            format!("pbkdf2:sha256:1300001$salt${hex}"),
        ),
        // Each block of the digest takes all iterations.
        (
            format!("pbkdf2:sha1:650000$salt${hex}"),
            format!("pbkdf2:sha1:650001$salt${hex}"),
        ),
        (
            format!("scrypt:131072:8:1$salt${hex}"),
            format!("scrypt:131072:8:2$salt${hex}"),
        ),
        (
            format!("$argon2id$v=19$m=65536,t=4,p=1$c2FsdHNhbHQ${base64}"),
            format!("$argon2id$v=19$m=65536,t=5,p=1$c2FsdHNhbHQ${base64}"),
        ),
        (
            format!("$argon2id$v=19$m=102400,t=2,p=8$c2FsdHNhbHQ${base64}"),
            format!("$argon2id$v=19$m=204800,t=1,p=8$c2FsdHNhbHQ${base64}"),
        ),
        (
            format!("$6$rounds=1000000$salt${}", ".".repeat(86)),
            format!("$6$rounds=1000001$salt${}", ".".repeat(86)),
        ),
    ] {
        let parse = |text: &str| Foreign::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert!(!parse(&usual).kind.exceeds(&Limits::USUAL), "{usual}");
        assert!(parse(&above).kind.exceeds(&Limits::USUAL), "{above}");
        assert!(parse(&above).is_costly("canary"), "{above}");
    }
}
