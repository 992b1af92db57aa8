//! Real time: pacing, live targets, cluster launcher, fault injection.
