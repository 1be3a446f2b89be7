//! What a person does with the pages.

mod sign_in;
mod sign_up;
