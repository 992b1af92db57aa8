//! (module doc to come with the model)
pub mod message;
pub mod record;
