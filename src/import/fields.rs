//! Maps columns to fields.

use crate::base::fault::Fault;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Username,
    Email,
    Name,
    /// A hash, or a plaintext password.
    Password,
    PasswordHash,
    Role,
    Active,
    CreatedAt,
    /// Whether its address was confirmed, or when.
    EmailVerified,
}

/// The values of one row, by field.
pub type Values = [Option<String>; Field::ALL.len()];

impl Field {
    pub const ALL: [Self; 9] = [
        Self::Username,
        Self::Email,
        Self::Name,
        Self::Password,
        Self::PasswordHash,
        Self::Role,
        Self::Active,
        Self::CreatedAt,
        Self::EmailVerified,
    ];

    /// Its name here, and then the names in other programs; earlier names take precedence.
    fn names(self) -> &'static [&'static str] {
        match self {
            Self::Username => &["username", "user_name", "login", "user"],
            Self::Email => &["email", "email_address", "e-mail", "mail"],
            Self::Name => &["name", "full_name", "display_name"],
            Self::Password => &["password"],
            Self::PasswordHash => &["password_hash", "hashed_password", "pw_hash", "hash"],
            Self::Role => &["role"],
            Self::Active => &["active", "is_active"],
            Self::CreatedAt => &[
                "created_at",
                "created",
                "created_on",
                "date_joined",
                "registered_on",
            ],
            // Those of Flask-Security, of tutorials, and of OpenID Connect.
            Self::EmailVerified => &[
                "email_verified",
                "email_verified_at",
                "email_confirmed",
                "email_confirmed_at",
                "confirmed_at",
                "confirmed_on",
                "confirmed",
            ],
        }
    }

    pub fn as_str(self) -> &'static str {
        self.names()[0]
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == text)
    }
}

/// The field of each column; `None` for an ignored one. `map` gives the column of a field,
/// replacing the usual names.
///
/// # Errors
/// When a column of `map` does not exist.
pub fn assign(columns: &[String], map: &[(Field, String)]) -> Result<Vec<Option<Field>>, Fault> {
    let mut fields = vec![None; columns.len()];
    for (field, wanted) in map {
        let found = columns.iter().position(|column| column.trim() == wanted);
        let at = found.ok_or_else(|| Fault::new(format!("there is no column {wanted:?}")))?;
        fields[at] = Some(*field);
    }
    for field in Field::ALL {
        let found = field.names().iter().find_map(|name| {
            (0..columns.len())
                .find(|at| fields[*at].is_none() && columns[*at].trim().eq_ignore_ascii_case(name))
        });
        if let (Some(at), false) = (found, fields.contains(&Some(field))) {
            fields[at] = Some(field);
        }
    }
    // In some tutorials' tables people sign in with the name.
    let has = |field| fields.contains(&Some(field));
    if !has(Field::Username)
        && !has(Field::Email)
        && map.iter().all(|(field, _)| *field != Field::Name)
    {
        for field in fields
            .iter_mut()
            .filter(|field| **field == Some(Field::Name))
        {
            *field = Some(Field::Username);
        }
    }
    Ok(fields)
}

/// A column that is read and whose name another column has too. Names are compared without regard
/// to case, unless `map` names the column.
pub fn find_double<'a>(
    columns: &'a [String],
    fields: &[Option<Field>],
    map: &[(Field, String)],
) -> Option<&'a str> {
    let is_double = |(at, name): &(usize, &'a str)| {
        let is_chosen = map.iter().any(|(_, wanted)| wanted == name);
        let is_same = |other: &String| match is_chosen {
            true => other.trim() == *name,
            false => other.trim().eq_ignore_ascii_case(name),
        };
        fields[*at].is_some() && columns.iter().filter(|other| is_same(other)).count() > 1
    };
    let mut names = columns.iter().map(|column| column.trim()).enumerate();
    names.find(is_double).map(|(_, name)| name)
}

/// Whether these fields are enough for an account.
pub fn suffice(fields: &[Option<Field>]) -> bool {
    let has = |field| fields.contains(&Some(field));
    (has(Field::Username) || has(Field::Email))
        && (has(Field::Password) || has(Field::PasswordHash))
}

/// The names of the columns, for a message.
pub fn listed(columns: &[String]) -> String {
    let all = columns.iter().take(20).map(|column| shown(column));
    all.collect::<Vec<_>>().join(", ")
}

/// The beginning of a text from the file, safe to print on a terminal.
pub fn shown(text: &str) -> String {
    let mut letters = text.chars();
    let beginning: String = letters.by_ref().take(40).collect();
    let rest = if letters.next().is_some() { "…" } else { "" };
    format!("{}{rest}", beginning.escape_debug())
}
