//! Records that are none: counted, and the first few told.

use crate::source::Message;

/// How many are told; all are counted.
const TOLD: u64 = 5;

/// Counts what does not parse.
#[derive(Clone, Debug, Default)]
pub struct Malformed {
    count: u64,
}

impl Malformed {
    /// Another one, of the service `stage`, for this reason: what is to be told of it, if anything.
    pub fn add(&mut self, stage: &str, message: &Message, why: &str) -> Option<String> {
        self.count += 1;
        let Message { partition, offset, .. } = message;
        match self.count {
            count if count <= TOLD => {
                let last = if count == TOLD { "; more are counted, not told" } else { "" };
                Some(format!("{stage}: partition {partition} offset {offset}: {why}{last}"))
            }
            _ => None,
        }
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_are_told_with_their_place_and_all_are_counted() {
        let mut malformed = Malformed::default();
        let message = Message { partition: 3, offset: 17, ..Message::default() };
        let told: Vec<_> =
            (0..9).filter_map(|_| malformed.add("trending", &message, "EOF")).collect();
        assert_eq!(told[0], "trending: partition 3 offset 17: EOF");
        assert_eq!((told.len(), malformed.count()), (5, 9));
        assert!(told[4].ends_with("not told"));
    }
}
