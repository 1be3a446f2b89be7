//! The binary, as somebody at a shell or an init system meets it.

mod accounts;
mod damage;
mod database;
mod help;
mod serve;
mod settings;
