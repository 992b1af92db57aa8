//! Trending hashtags: windows of the tweets' times, in memory.

use std::collections::BTreeMap;

use headwater_models::pipeline::trending::config::Cluster;
use headwater_models::system::System;

use super::{LiveService, time};

/// The service.
pub(super) struct Trending;

impl LiveService for Trending {
    fn name(&self) -> &'static str {
        "trending"
    }

    fn options(&self, system: &dyn System) -> BTreeMap<&'static str, String> {
        let Some(config) = system.as_any().downcast_ref::<Cluster>() else {
            return BTreeMap::new();
        };
        BTreeMap::from([
            ("max-poll-records", config.max_poll_records.to_string()),
            ("window", time(config.window_size)),
            ("slide", time(config.window_advance)),
            ("max-delay", time(config.max_delay)),
            ("top", config.top.to_string()),
        ])
    }
}
