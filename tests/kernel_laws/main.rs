//! The kernel's resources against queueing theory: closed forms, within stated tolerances, over
//! seeds; and its samplers against those of `rand_distr`. Laws of `law.rs` are shown to refuse a
//! resource that is 5 % off.

mod causes;
mod disk;
mod law;
mod network;
mod page_cache;
mod pools;
mod priorities;
mod queueing;
mod samplers;
mod saturation;
mod scheduling;
mod small_messages;
mod utilisation;
mod writeback;
