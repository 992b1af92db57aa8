//! The Outcome schema (what a run says about itself) and its renderings.
