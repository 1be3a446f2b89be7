//! Everything that is tested from outside: over HTTP, against real servers with their own
//! databases, through clients named for who they are.

mod support;

mod architecture;
mod bad_input;
mod commands;
mod guard;
mod logs;
mod pages;
mod security;
mod sessions;
mod storage;
