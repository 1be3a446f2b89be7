//! The problems that are always the same, and the words of those that are not.

use actix_web::http::StatusCode as S;

use super::{Action, Problem, Words, known};
use crate::sessions::RECENT_MINUTES;

const HOME: Option<Action> = Some(("/", "Go to the start page"));
const SIGN_IN: Option<Action> = Some(("/login", "Sign in"));
const FILES: Option<Action> = Some(("/files", "Go to your files"));

pub(super) const BEARER: (&str, &str) = ("www-authenticate", "Bearer realm=\"Doorward\"");
const _: () = assert!(RECENT_MINUTES == 10, "NOT_RECENT says ten minutes");

pub const NOT_FOUND: Problem = known(&Words {
    status: S::NOT_FOUND,
    code: "not_found",
    when: "nothing is at this address, or it belongs to another account",
    title: "Page not found",
    text: "There is no page at this address. If you typed it, check it for mistakes.",
    action: HOME,
    header: None,
});
pub(super) const METHOD_NOT_ALLOWED: Problem = known(&Words {
    status: S::METHOD_NOT_ALLOWED,
    code: "method_not_allowed",
    when: "`Allow` lists the methods that the address takes",
    title: "This page cannot do that",
    text: "This address does not support the request's method. Nothing was changed.",
    action: HOME,
    header: None,
});
pub const NOT_SIGNED_IN: Problem = known(&Words {
    status: S::UNAUTHORIZED,
    code: "not_signed_in",
    when: "there is no valid token; `WWW-Authenticate` says why (RFC 6750)",
    title: "Sign in first",
    text: "You need to be signed in for this. Nothing was changed.",
    action: SIGN_IN,
    // RFC 6750, section 3: no error code when the request had no token.
    header: Some(BEARER),
});
/// A name and a password that do not match, from a program.
pub const SIGN_IN_REFUSED: Problem = known(&Words {
    status: S::UNAUTHORIZED,
    code: "sign_in_refused",
    when: "the name and the password do not match, or the account is disabled",
    title: "Not signed in",
    text: "That name and password do not match.",
    action: SIGN_IN,
    header: Some(BEARER),
});
/// Signed in, but not within the last ten minutes.
pub const NOT_RECENT: Problem = known(&Words {
    status: S::UNAUTHORIZED,
    code: "not_recent",
    when: "the password was entered more than ten minutes ago (RFC 9470)",
    title: "Enter your password again",
    text: "For this, you must have entered your password within the last ten minutes. \
           Nothing was changed.",
    action: Some(("/account/verify", "Enter your password")),
    // RFC 9470, section 3.
    header: Some((
        "www-authenticate",
        "Bearer realm=\"Doorward\", error=\"insufficient_user_authentication\", max_age=600",
    )),
});
/// A link that shows a page.
pub const LINK_ENDED: Problem = known(&Words {
    status: S::UNAUTHORIZED,
    code: "link_ended",
    when: "the link has expired",
    title: "This link no longer works",
    text: "Links show their page for a short time only. Sign in to see the page.",
    action: Some(("/login?next=/dashboard", "Sign in")),
    header: Some((
        "www-authenticate",
        "Bearer realm=\"Doorward\", error=\"invalid_token\"",
    )),
});
/// A one-time link that was used, or never existed.
pub const ONE_TIME_LINK_ENDED: Problem = known(&Words {
    status: S::GONE,
    code: "link_ended",
    when: "the one-time link was used",
    title: "This link no longer works",
    text: "It was used already, or it has expired. Nothing was changed.",
    action: HOME,
    header: None,
});
/// Sent from a page that, as far as is known, is not ours.
pub const CROSS_SITE: Problem = known(&Words {
    status: S::FORBIDDEN,
    code: "cross_site",
    when: "the request has cookies or an `Origin`, and is not from a page of this site",
    title: "This form was not accepted",
    text: "It did not come from a page of this site, or the page had been open for too long. \
           Nothing was changed. Open the page again and send it from there.",
    action: HOME,
    header: None,
});
/// A form that was made for another session than the one that is signed in.
pub const OTHER_SESSION: Problem = known(&Words {
    status: S::FORBIDDEN,
    code: "other_session",
    when: "the form is from a page that was made for another session",
    title: "This page is from another session",
    text: "This page was made for another session. Nothing was changed.",
    action: None,
    header: None,
});
pub(super) const SIGNED_IN_AGAIN: Problem = known(&Words {
    status: S::FORBIDDEN,
    code: "other_session",
    when: "the account has signed in again since the page was made",
    title: "Send the form again",
    text: "You have signed in again since you opened this page. Nothing was changed.",
    action: None,
    header: None,
});
pub const SIGN_UP_CLOSED: Problem = known(&Words {
    status: S::FORBIDDEN,
    code: "sign_up_closed",
    when: "`signup.mode` is `closed`",
    title: "Sign-up is closed",
    text: "Only the administrator of this site can add accounts.",
    action: SIGN_IN,
    header: None,
});
pub const INVITATION_REQUIRED: Problem = known(&Words {
    status: S::FORBIDDEN,
    code: "invitation_required",
    when: "`signup.mode` is `invite`",
    title: "Sign-up is by invitation",
    text: "Open the link of your invitation to create an account. An administrator of this site can \
           invite you.",
    action: SIGN_IN,
    header: None,
});
pub const FORBIDDEN: Problem = known(&Words {
    status: S::FORBIDDEN,
    code: "forbidden",
    when: "the account is not allowed to do this",
    title: "You do not have access",
    text: "Your account is not allowed to do this. Nothing was changed.",
    action: HOME,
    header: None,
});
pub const TAKEN: Problem = known(&Words {
    status: S::CONFLICT,
    code: "taken",
    when: "another account has this username or email address; `fields` names one of them",
    title: "This name is taken",
    text: "Another account has this username or email address. Nothing was saved.",
    action: HOME,
    header: None,
});
/// An address that was free when its link was sent.
pub const ADDRESS_TAKEN: Problem = known(&Words {
    status: S::CONFLICT,
    code: "taken",
    when: "another account has this username or email address; `fields` names one of them",
    title: "Another account has this email address",
    text: "An account with this email address was created or confirmed after the link was sent. \
           Nothing was changed.",
    action: SIGN_IN,
    header: None,
});
/// Changed since it was read (RFC 9110, section 15.5.13).
pub const STALE: Problem = known(&Words {
    status: S::PRECONDITION_FAILED,
    code: "stale",
    when: "`If-Match` does not name the current version",
    title: "This was changed in the meantime",
    text: "If-Match does not match the current version. Nothing was changed. \
           Read the current version, then send the change again.",
    action: HOME,
    header: None,
});
/// Each account has one at a time.
pub const EXPORT_RUNNING: Problem = known(&Words {
    status: S::CONFLICT,
    code: "export_running",
    when: "another archive of the account's data is being downloaded",
    title: "Your data is being downloaded already",
    text: "Another download of your data is still running. Wait until it has ended, or stop it.",
    action: Some(("/account/export", "Back")),
    header: None,
});
pub const LAST_ADMINISTRATOR: Problem = known(&Words {
    status: S::CONFLICT,
    code: "last_administrator",
    when: "no administrator would be left",
    title: "You are the last administrator",
    text: "Without you, this site would have no administrator. Nothing was changed. \
           Make another account an administrator first.",
    action: Some(("/account", "Go to your account")),
    header: None,
});
pub const TOO_MANY: Problem = known(&Words {
    status: S::CONFLICT,
    code: "too_many",
    when: "the account has as many work items or files as it may have, or the file as many links",
    title: "You have reached the limit",
    text: "Your account cannot have more of these. Nothing was saved. \
           Delete something, then try again.",
    action: HOME,
    header: None,
});
pub const FILE_TOO_LARGE: Problem = known(&Words {
    status: S::PAYLOAD_TOO_LARGE,
    code: "file_too_large",
    when: "a file may not be this large; `fields` names the limit",
    title: "The file is too large",
    text: "It exceeds the limit for a file. Nothing was saved.",
    action: FILES,
    header: None,
});
pub const OVER_QUOTA: Problem = known(&Words {
    status: S::CONFLICT,
    code: "over_quota",
    when: "the files of the account would exceed its quota; `fields` names it",
    title: "There is no space for this file",
    text: "Your files would exceed their quota. Nothing was saved. \
           Delete something, then try again.",
    action: FILES,
    header: None,
});
pub const DESCRIPTION_TAKEN: Problem = known(&Words {
    status: S::CONFLICT,
    code: "description_taken",
    when: "another file of the account has this description",
    title: "Another file has this description",
    text: "Two of your files cannot have the same description. Nothing was saved.",
    action: FILES,
    header: None,
});
pub const STORE_FULL: Problem = known(&Words {
    status: S::INSUFFICIENT_STORAGE,
    code: "store_full",
    when: "the disk for files is full",
    title: "There is no space left",
    text: "The disk for files is full. Nothing was saved. \
           Tell the administrator of this site, and try again when there is space.",
    action: FILES,
    header: None,
});
pub const NO_SUCH_RANGE: Problem = known(&Words {
    status: S::RANGE_NOT_SATISFIABLE,
    code: "no_such_range",
    when: "the file is shorter; `Content-Range` has its length",
    title: "The file is shorter than that",
    text: "The requested part is not in the file.",
    action: FILES,
    header: None,
});
/// A link to a file that is wrong, expired, used up or revoked.
pub const SHARE_ENDED: Problem = known(&Words {
    status: S::NOT_FOUND,
    code: "share_ended",
    when: "the link to a file is wrong, expired, used up or revoked",
    title: "This link does not open a file",
    text: "It may have expired, been used up or been revoked, or a part of it is missing. \
           Ask the person who sent it for a new one.",
    action: HOME,
    header: None,
});
/// A link to a file that requires a password.
pub const SHARE_PASSWORD: Problem = known(&Words {
    status: S::UNAUTHORIZED,
    code: "share_password",
    when: "the link to a file requires its password",
    title: "This link has a password",
    text: "The password is missing or wrong. Send it as the password of Basic credentials; \
           the name is ignored.",
    action: None,
    // RFC 7617.
    header: Some((
        "www-authenticate",
        "Basic realm=\"Link password\", charset=\"UTF-8\"",
    )),
});
pub const TRIES: Problem = known(&Words {
    status: S::TOO_MANY_REQUESTS,
    code: "too_many_tries",
    when: "too many wrong passwords were sent for this link: wait for `Retry-After` seconds",
    title: "Too many wrong passwords",
    text: "Too many wrong passwords were sent for this link.",
    action: None,
    header: None,
});
pub const TOO_MANY_ATTEMPTS: Problem = known(&Words {
    status: S::TOO_MANY_REQUESTS,
    code: "too_many_attempts",
    when: "too many attempts, by this client or at this account: wait for `Retry-After` seconds",
    title: "Too many attempts",
    text: "There were too many attempts. Nothing was checked or saved.",
    action: HOME,
    header: None,
});
/// An `Idempotency-Key` that was used for another request.
pub const KEY_REUSED: Problem = known(&Words {
    status: S::UNPROCESSABLE_ENTITY,
    code: "idempotency_key_reused",
    when: "the `Idempotency-Key` came with another request before",
    title: "This key was used for another request",
    text: "Another request was sent with this Idempotency-Key before. Nothing was saved. \
           Use a new key for each new request.",
    action: HOME,
    header: None,
});
pub(super) const MALFORMED: &Words = &Words {
    status: S::BAD_REQUEST,
    code: "malformed",
    when: "not UTF-8, not JSON, a form field twice, an interrupted body, or a query or header \
           that cannot be read",
    title: "The request could not be read",
    text: "The request could not be understood.",
    action: HOME,
    header: None,
};
pub(super) const TOKENS: &Words = &Words {
    status: S::BAD_REQUEST,
    code: "token_misplaced",
    when: "two tokens, or a token in the address where it does not belong",
    title: "That link cannot be used",
    text: "The token in it does not belong here.",
    action: HOME,
    header: None,
};
pub const INVALID_FIELDS: Problem = known(&Words {
    status: S::UNPROCESSABLE_ENTITY,
    code: "invalid_fields",
    when: "`fields` says by name what is wrong, and which JSON type is expected; it is empty if \
           the body is JSON but not an object",
    title: "There is a problem",
    text: "A part of the input is not valid. Nothing was saved.",
    action: None,
    header: None,
});
pub const TOO_LARGE: Problem = known(&Words {
    status: S::PAYLOAD_TOO_LARGE,
    code: "too_large",
    when: "a body of more than 16 kB, or a form of more than 32 fields; an upload of more than \
           100 files, 200 parts or 4 kB of text",
    title: "That is too long",
    text: "The request is larger than this address accepts. Nothing was saved. \
           Go back and shorten it.",
    action: HOME,
    header: None,
});
pub const HEAD_TOO_LARGE: Problem = known(&Words {
    status: S::REQUEST_HEADER_FIELDS_TOO_LARGE,
    code: "head_too_large",
    when: "a head of more than 128 kB or 96 headers (RFC 6585, section 5)",
    title: "That is too long",
    text: "The head of the request has more than 128 kB or 96 headers. Nothing was saved.",
    action: HOME,
    header: None,
});
pub(super) const MEDIA_TYPE: &Words = &Words {
    status: S::UNSUPPORTED_MEDIA_TYPE,
    code: "unsupported_media_type",
    when: "`Accept` names the media type that the address takes",
    title: "The request could not be read",
    text: "This address accepts forms as application/x-www-form-urlencoded. Nothing was saved.",
    action: HOME,
    header: None,
};
/// For a `Host` that is not this site (RFC 9110, section 15.5.20).
pub const MISDIRECTED: Problem = known(&Words {
    status: S::MISDIRECTED_REQUEST,
    code: "misdirected",
    when: "the `Host` is not the one of `base_url`",
    title: "This is another site",
    text: "This server is not the site that the address names. Nothing was changed.",
    action: None,
    header: None,
});
pub const TOO_SLOW: Problem = known(&Words {
    status: S::REQUEST_TIMEOUT,
    code: "timeout",
    when: "the body took longer than 15 s, or an upload was too slow",
    title: "That took too long",
    text: "The request did not arrive in time. Nothing was saved. Send it again.",
    action: HOME,
    header: None,
});
pub const BUSY: Problem = known(&Words {
    status: S::SERVICE_UNAVAILABLE,
    code: "busy",
    when: "too many passwords are waiting to be checked: try again after `Retry-After` seconds",
    title: "The server is busy",
    text: "Too many passwords are waiting to be checked. Nothing was saved. \
           Try again in a few seconds.",
    action: None,
    header: Some(("retry-after", "5")),
});
pub const SEARCH_TOO_SLOW: Problem = known(&Words {
    status: S::SERVICE_UNAVAILABLE,
    code: "search_too_slow",
    when: "the search took longer than two seconds, with the wait for other searches: send a \
           longer `q` or more filters, or try again after `Retry-After`",
    title: "The search took too long",
    text: "It was stopped after two seconds. Nothing was changed. \
           Narrow the search: enter a longer part of the name, or choose more filters. \
           If other people are searching at the moment, try again in a few seconds.",
    action: None,
    header: Some(("retry-after", "5")),
});
pub const UNAVAILABLE: Problem = known(&Words {
    status: S::SERVICE_UNAVAILABLE,
    code: "unavailable",
    when: "the database, the store of files or the virus scanner is unavailable: try again after \
           `Retry-After` seconds",
    title: "This page is unavailable",
    text: "The server cannot reach something that it needs for this. Nothing was changed. \
           Try again in a minute.",
    action: None,
    header: Some(("retry-after", "30")),
});
pub(super) const OUTCOME_UNKNOWN: Problem = known(&Words {
    status: S::SERVICE_UNAVAILABLE,
    code: "unavailable",
    when: "the database was lost during the change, as the message says: send it again with the \
           same `Idempotency-Key`",
    title: "It is not known whether this was saved",
    text: "The server lost its database while it saved your input. It may or may not have been \
           saved: check before you send it again. Programs can send it again with the same \
           Idempotency-Key: it is not saved twice.",
    action: None,
    header: Some(("retry-after", "30")),
});
pub(super) const DISK_FULL: Problem = known(&Words {
    status: S::SERVICE_UNAVAILABLE,
    code: "unavailable",
    when: "the disk of the server is full",
    title: "There is no space left",
    text: "The disk of the server is full. Nothing was changed. Signing out and deleting still \
           work. Tell the administrator of this site, and try again when there is space.",
    action: None,
    header: Some(("retry-after", "30")),
});
pub const FAULT: Problem = known(&Words {
    status: S::INTERNAL_SERVER_ERROR,
    code: "fault",
    when: "the server has an error; its log has it under `request_id`",
    title: "Something went wrong",
    text: "The server has an error, and has logged it. Your input may not have been saved. \
           Try again in a minute.",
    action: HOME,
    header: None,
});

/// Every problem, for the description of the API.
pub const ALL: &[Problem] = &[
    NOT_FOUND,
    METHOD_NOT_ALLOWED,
    MISDIRECTED,
    NOT_SIGNED_IN,
    SIGN_IN_REFUSED,
    NOT_RECENT,
    LINK_ENDED,
    ONE_TIME_LINK_ENDED,
    CROSS_SITE,
    OTHER_SESSION,
    SIGNED_IN_AGAIN,
    SIGN_UP_CLOSED,
    INVITATION_REQUIRED,
    FORBIDDEN,
    TAKEN,
    ADDRESS_TAKEN,
    STALE,
    EXPORT_RUNNING,
    LAST_ADMINISTRATOR,
    TOO_MANY,
    FILE_TOO_LARGE,
    OVER_QUOTA,
    DESCRIPTION_TAKEN,
    STORE_FULL,
    NO_SUCH_RANGE,
    SHARE_ENDED,
    SHARE_PASSWORD,
    TRIES,
    TOO_MANY_ATTEMPTS,
    KEY_REUSED,
    known(MALFORMED),
    known(TOKENS),
    INVALID_FIELDS,
    TOO_LARGE,
    HEAD_TOO_LARGE,
    known(MEDIA_TYPE),
    TOO_SLOW,
    BUSY,
    SEARCH_TOO_SLOW,
    UNAVAILABLE,
    OUTCOME_UNKNOWN,
    DISK_FULL,
    FAULT,
];
