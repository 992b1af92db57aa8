//! A target that acknowledges at once: what is measured against it is the generator itself.

use super::{Refused, Target, Teller, Token};

/// Acknowledges on the pacer's own thread, and hands the payload to a reader that checks it.
pub(crate) struct Null {
    teller: Teller,
    positions: Vec<u64>,
}

impl Null {
    /// With `lanes` lanes.
    pub(crate) fn new(teller: Teller, lanes: u32) -> Self {
        Self { teller, positions: vec![0; lanes as usize] }
    }
}

impl Target for Null {
    fn send(&mut self, token: Token, payload: &[u8]) -> Result<(), Refused> {
        self.teller.acked(token);
        let position = &mut self.positions[token.place.lane as usize];
        self.teller.delivered(0, Some(*position), payload);
        *position += 1;
        Ok(())
    }

    fn abandon(&mut self) {}
}
