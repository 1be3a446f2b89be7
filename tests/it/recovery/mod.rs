//! Links that come by mail.

mod change;
mod notices;
mod reset;
mod sign_in_link;
mod sign_up;
