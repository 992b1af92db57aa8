//! What the payload of an event is, and how large it may be.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Largest event that may be asked for: 64 MiB. The systems' own limits are lower (Kafka's
/// `max.request.size` 1 MiB, Pravega's event limit 8 MiB) and are theirs to enforce.
pub(super) const BYTES_MAX: u64 = 64 << 20;

/// What the payload of an event is. Each carries what it is checked by, and has exactly the
/// scheduled size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PayloadForm {
    /// JSON with a few fields of a tweet and filler; binary below 200 B.
    #[default]
    Filler,
    /// A tweet as version 1.1 of Twitter's API has it ("Tweet object", developer.twitter.com);
    /// events of the law `tweet` have 1,600 B at least.
    TweetV1,
    /// A tweet as version 2 has it, in the frame of the filtered stream: `data`, `includes`,
    /// `matching_rules`; events of the law `tweet` have 1,250 B at least.
    TweetV2,
}

impl PayloadForm {
    /// Bytes that it has room in, whatever the numbers in it; a smaller event is
    /// [`Self::Filler`].
    pub fn least(self) -> u32 {
        match self {
            Self::Filler => 1,
            Self::TweetV1 => 1_600,
            Self::TweetV2 => 1_250,
        }
    }
}
