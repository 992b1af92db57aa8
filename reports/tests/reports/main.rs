//! Outcomes written, read, rendered, compared and opened in a browser.

mod browser;
mod comparison;
mod diagram;
mod files;
mod renderings;
mod sample;
