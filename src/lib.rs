//! Doorward: a small login server. The floors, from the ground up; each uses only those before
//! it, and `docs/ARCHITECTURE.md` tells why.

/// Values and rules without I/O: the clock, randomness, ids, names, secrets.
pub mod base;
/// Settings, read once at the start.
pub mod config;

/// What was done and refused, in a chain of HMACs.
pub mod audit;
/// Streams of bytes, in a folder or an S3-compatible store.
pub mod blobs;
/// Password hashing on threads of its own.
pub mod passwords;
/// Asks a virus scanner.
pub mod scanner;
/// The database, whichever it is.
pub mod storage;
/// Signed tokens: made and verified, one way a purpose.
pub mod tokens;

/// Roles, and what they may do.
pub mod access;
/// Who there is.
pub mod accounts;
/// Changes to accounts, and what they end.
pub mod administration;
/// A shelf of files for each account.
pub mod files;
/// Requests that make something only once.
pub mod idempotency;
/// How often something may be tried.
pub mod limits;
/// One-time links.
pub mod recovery;
/// Sessions, their tokens and sign-in links.
pub mod sessions;
/// Links that hand files on.
pub mod shares;
/// Signing in and up: from a name and a password to a session.
pub mod sign_in;
/// Work items.
pub mod work;

/// Accounts that another program had.
pub mod import;

/// HTTP, HTML and cookies.
pub mod web;

/// Puts it all together.
pub mod app;
/// The commands.
pub mod cli;
/// What a server does repeatedly, without a request.
pub mod jobs;
