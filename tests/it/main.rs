//! Everything that is tested from outside: over HTTP, against real servers with their own
//! databases, through clients named for who they are.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests wait on the clock, read what scripts/test says, and fail by unwrap"
)]

mod support;

mod account;
mod accounts_api;
mod admin;
mod api;
mod architecture;
mod asvs;
mod audit;
mod bad_input;
mod breached;
mod chromium;
mod clocks;
mod commands;
mod compat;
mod cookies;
mod edge;
mod export;
mod files;
mod foreign;
mod guard;
mod health;
mod inspect;
mod invitations;
mod keys;
mod limits;
mod links;
mod logs;
mod mail;
mod metrics;
mod names;
mod openapi;
mod other_sessions;
mod outages;
mod pages;
mod recovery;
mod revocation;
mod search;
mod security;
mod sessions;
mod sign_up_once;
mod storage;
mod work;
