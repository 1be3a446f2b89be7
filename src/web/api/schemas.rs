//! The schemas of texts, as the rooms accept them.

use crate::base::names::{
    DESCRIPTION_MAX, EMAIL_MAX, FILE_NAME_MAX, GROUP_MAX, NAME_MAX, PASSWORD_MAX, TITLE_MAX,
    USERNAME_MAX,
};
use crate::web::describe::schema;
pub use crate::web::path_id::Uuid;
use crate::{access, accounts};

schema!(inline Time, { "type": "string", "format": "date-time" });
schema!(inline Secret, { "type": "string", "format": "password" });
schema!(inline Url, { "type": "string", "format": "uri" });
schema!(inline Bearer, { "type": "string", "enum": ["Bearer"] });
schema!(Username, {
    "type": "string", "minLength": 1, "maxLength": USERNAME_MAX,
    "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]*$",
    "description": "Unique without regard to case. Some names are reserved: only an \
                    administrator can assign them.",
});
schema!(Email, {
    "type": "string", "minLength": 3, "maxLength": EMAIL_MAX,
    "description": "An address as HTML's `type=email` takes it, with letters of any script. The \
                    domain is shown in Unicode. Unique without regard to case, and to the \
                    spelling of the domain.",
});
schema!(Name, {
    "type": "string", "maxLength": NAME_MAX,
    "description": "Text on one line, with at least one visible character.",
});
schema!(Group, {
    "type": "string", "minLength": 1, "maxLength": GROUP_MAX, "pattern": "^[a-z0-9._-]+$",
});
schema!(Title, {
    "type": "string", "minLength": 1, "maxLength": TITLE_MAX,
    "description": "Text on one line, with at least one visible character, in Unicode's normal \
                    form C.",
});
schema!(NewPassword, {
    "type": "string", "minLength": 8, "maxLength": PASSWORD_MAX, "format": "password",
    "description": "As many characters as `passwords.min_length` says: 12 by default. Passwords \
                    that are easy to guess, or known to be stolen, are refused.",
});
schema!(Role, { "type": "string", "enum": access::Role::ALL.map(access::Role::as_str) });
schema!(AccountState, {
    "type": "string", "enum": accounts::AccountState::ALL.map(accounts::AccountState::as_str),
});
schema!(FileName, { "type": "string", "minLength": 1, "maxLength": FILE_NAME_MAX });
schema!(Description, {
    "type": "string", "maxLength": DESCRIPTION_MAX,
    "description": "Each file of an account has another one. Empty: none.",
});
