//! Topics: the hashtag of an event, for a system that reads it out of the event's text.
//!
//! Stands for the text itself, which no batch carries: an event is asked about by what is known of
//! it beside the batches ([`Handed`]), and who draws the text answers. No parameters. Left out:
//! more than one hashtag in a text.

use std::fmt;
use std::rc::Rc;

use crate::arrival::Arrival;
use crate::handover::Handed;

/// Tells the hashtag of an event of the schedule, which is due at its time there.
type Lookup = Rc<dyn Fn(Arrival) -> Option<u64>>;

/// What events are about; nothing by default. Clones are the same one.
#[derive(Clone, Default)]
pub struct Topics(Option<Lookup>);

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Topics({})", if self.0.is_some() { "of a schedule" } else { "none" })
    }
}

impl Topics {
    /// As `of` says: it is given an event as the schedule has it.
    pub fn new(of: impl Fn(Arrival) -> Option<u64> + 'static) -> Self {
        Self(Some(Rc::new(of)))
    }

    /// The hashtag of an event, as a number, if it has one.
    pub fn of(&self, event: &Handed) -> Option<u64> {
        let lookup = self.0.as_ref()?;
        lookup(Arrival { at: event.due, ..event.arrival })
    }
}
