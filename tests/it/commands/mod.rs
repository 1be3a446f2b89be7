//! The binary, as somebody at a shell or an init system meets it.

mod accounts;
mod damage;
mod database;
mod help;
mod import;
mod listening;
mod serve;
mod settings;
mod stopping;
