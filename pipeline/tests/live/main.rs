//! With a real PostgreSQL, Redis, nginx and Chromium. Runs where `HEADWATER_LIVE=1` is set; what a
//! machine does not have is left out with a word.

#[path = "../common/mod.rs"]
mod common;
mod nginx;
mod page;
mod postgres;
mod programs;
mod redis;
mod search;
