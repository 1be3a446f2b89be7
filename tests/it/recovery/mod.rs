//! Links that come by mail.

mod change;
mod reset;
mod sign_up;
