//! Links that come by mail.

mod reset;
mod sign_in_link;
