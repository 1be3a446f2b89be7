//! The binary, as somebody at a shell or an init system meets it.

mod accounts;
mod damage;
mod database;
#[cfg(target_os = "linux")]
mod hash_timing;
mod help;
mod import;
mod import_formats;
mod import_mistakes;
mod listening;
mod serve;
mod settings;
mod stopping;
