//! Links that come by mail.

mod reset;
