//! The kernel against madsim, turmoil and nexosim in one run.
