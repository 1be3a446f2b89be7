//! Which column is which field.

use crate::base::fault::Fault;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    Username,
    Email,
    Name,
    /// A hash, or a password as it was typed.
    Password,
    PasswordHash,
    Role,
    Active,
    CreatedAt,
}

/// The values of one row, by field.
pub type Values = [Option<String>; Field::ALL.len()];

impl Field {
    pub const ALL: [Self; 8] = [
        Self::Username,
        Self::Email,
        Self::Name,
        Self::Password,
        Self::PasswordHash,
        Self::Role,
        Self::Active,
        Self::CreatedAt,
    ];

    /// How it is called here, and then how others call it; the earlier counts.
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
        }
    }

    pub fn as_str(self) -> &'static str {
        self.names()[0]
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.as_str() == text)
    }
}

/// For each column the field that it is; `None` for one that is ignored. `map` says what a field's
/// column is called, in place of the usual names.
///
/// # Errors
/// When a column of `map` is not there, or there twice.
pub fn assign(columns: &[String], map: &[(Field, String)]) -> Result<Vec<Option<Field>>, Fault> {
    let mut fields = vec![None; columns.len()];
    for (field, wanted) in map {
        let mut same = (0..columns.len()).filter(|at| columns[*at].trim() == wanted);
        match (same.next(), same.next()) {
            (Some(at), None) => fields[at] = Some(*field),
            (None, _) => return Err(Fault::new(format!("there is no column {wanted:?}"))),
            _ => return Err(Fault::new(format!("there are two columns {wanted:?}"))),
        }
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
    // In some tutorials' tables the name is what one signs in with.
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

/// Whether an account can be made of these.
pub fn suffice(fields: &[Option<Field>]) -> bool {
    let has = |field| fields.contains(&Some(field));
    (has(Field::Username) || has(Field::Email))
        && (has(Field::Password) || has(Field::PasswordHash))
}

/// The columns by name, for a person to read.
pub fn listed(columns: &[String]) -> String {
    let shown = columns.iter().take(20).map(|column| {
        let column: String = column.chars().take(40).collect();
        column.escape_debug().to_string()
    });
    shown.collect::<Vec<_>>().join(", ")
}
