//! Doorward: a small login server. The floors, from the ground up; each uses only those before it,
//! and `docs/ARCHITECTURE.md` explains why.

/// Values and rules without I/O: the clock, randomness, ids, names, secrets.
pub mod base;
/// Settings, read once at the start.
pub mod config;

/// Actions and refusals, in a chain of HMACs.
pub mod audit;
/// Streams of bytes, in a folder or an S3-compatible store.
pub mod blobs;
/// The outbox of letters, and the worker that sends them.
pub mod mail;
/// Password hashing on threads of its own.
pub mod passwords;
/// A client for a virus scanner.
pub mod scanner;
/// The database: SQLite or PostgreSQL.
pub mod storage;
/// Signed tokens: one way to make and verify each kind.
pub mod tokens;

/// Roles, and what they may do.
pub mod access;
/// The accounts.
pub mod accounts;
/// Changes to accounts, and the sessions that they end.
pub mod administration;
/// The files of each account.
pub mod files;
/// Requests that must not create an object twice.
pub mod idempotency;
/// Links to create an account with.
pub mod invitations;
/// Rate limits.
pub mod limits;
/// One-time links.
pub mod recovery;
/// Sessions, their tokens and sign-in links.
pub mod sessions;
/// Links that give files to their holders.
pub mod shares;
/// Signing in and up: from a name and a password to a session.
pub mod sign_in;
/// Work items.
pub mod work;

/// Importing the accounts of another program.
pub mod import;

/// HTTP, HTML and cookies.
pub mod web;

/// The composition of a server.
pub mod app;
/// The commands.
pub mod cli;
/// Recurring work of a server.
pub mod jobs;
