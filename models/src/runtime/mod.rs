//! What programs run on: the virtual machines and client libraries that several systems share.

pub mod jvm;
pub mod signals;
