//! Outcomes written, read (those of the schema before as well), rendered, compared and opened in a
//! browser.

mod browser;
mod comparison;
mod diagram;
mod files;
mod renderings;
mod sample;
mod streams;
mod sweep;
mod version_1;
