//! What a person does with the pages.

mod dashboard;
mod sign_in;
mod sign_up;
