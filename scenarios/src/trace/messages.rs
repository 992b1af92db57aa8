//! Messages: what was sent, paired with what arrived.

use std::collections::{BTreeMap, VecDeque};

use headwater_sim::time::Time;
use headwater_sim::units::NodeId;

use super::{Trace, What};

/// A message on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// The record of its sending; `None` if it was sent before the trace begins.
    pub sent: Option<usize>,
    /// The record of its arrival; `None` if it was lost, or is on its way at the end of the trace.
    pub received: Option<usize>,
}

impl Message {
    /// When it was sent.
    pub fn sent_at(&self, trace: &Trace) -> Option<Time> {
        self.sent.map(|index| trace.records()[index].at)
    }

    /// When it arrived.
    pub fn received_at(&self, trace: &Trace) -> Option<Time> {
        self.received.map(|index| trace.records()[index].at)
    }

    /// One of its two records.
    pub fn record<'a>(&self, trace: &'a Trace) -> &'a super::Record {
        let index = self.sent.or(self.received).expect("a message was sent or received");
        &trace.records()[index]
    }
}

/// The messages of a trace, in order of their first record. Of messages that are alike the one that
/// was sent first arrives first; one that arrives more often than it was sent is a message of its
/// own.
pub fn messages(trace: &Trace) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    let mut under_way: BTreeMap<(NodeId, NodeId, u64), VecDeque<usize>> = BTreeMap::new();
    for (index, record) in trace.records().iter().enumerate() {
        let Some(peer) = record.peer else { continue };
        match record.what {
            What::Sent | What::SentDatagram => {
                let key = (record.node, peer, record.detail);
                under_way.entry(key).or_default().push_back(messages.len());
                let (from, to, sent) = (record.node, peer, Some(index));
                messages.push(Message { from, to, sent, received: None });
            }
            What::Received => {
                let key = (peer, record.node, record.detail);
                let first = under_way.get_mut(&key).and_then(VecDeque::pop_front);
                match first {
                    Some(first) => messages[first].received = Some(index),
                    None => {
                        let (from, to, received) = (peer, record.node, Some(index));
                        messages.push(Message { from, to, sent: None, received });
                    }
                }
            }
            _ => {}
        }
    }
    messages
}

#[cfg(test)]
mod tests {
    use headwater_sim::effect::{Effect, Transport};
    use headwater_sim::log::LogEntry;
    use headwater_sim::node::{Message as _, Protocol};

    use super::*;
    use crate::trace::Watch;

    struct Letters;

    #[derive(Clone, Debug)]
    struct Letter(u64);

    impl Protocol for Letters {
        type Message = Letter;
        type Record = Letter;
        type Note = Letter;
    }

    impl headwater_sim::node::Message for Letter {
        fn size_bytes(&self) -> u64 {
            1
        }
        fn kind(&self) -> &'static str {
            "letter"
        }
        fn digest(&self) -> u64 {
            self.0
        }
    }

    impl headwater_sim::node::Record for Letter {
        fn size_bytes(&self) -> u64 {
            1
        }
        fn digest(&self) -> u64 {
            self.0
        }
    }

    impl headwater_sim::node::Note for Letter {
        fn digest(&self) -> u64 {
            self.0
        }
    }

    #[test]
    fn what_was_sent_is_paired_with_what_arrived() {
        let mut trace = Trace::new(Watch::everything());
        let (a, b) = (NodeId(0), NodeId(1));
        let receive = |trace: &mut Trace, number, letter: &Letter, from: NodeId| {
            let detail = letter.digest() ^ u64::from(from.0) << 48;
            let (at, peer) = (Time(number), Some(from));
            let entry = LogEntry { at, node: b, what: "message", kind: "letter", peer, detail };
            trace.event(number, 0, &entry);
        };
        let start =
            LogEntry { at: Time(0), node: a, what: "start", kind: "", peer: None, detail: 0 };
        trace.event(0, 0, &start);
        for letter in [Letter(1), Letter(2), Letter(2)] {
            let transport = Transport::Connection;
            let effect: Effect<Letters> = Effect::Send { to: b, message: letter, transport };
            trace.effect(Time(0), a, &effect);
        }
        receive(&mut trace, 5, &Letter(2), a);
        receive(&mut trace, 6, &Letter(9), a);
        let found = messages(&trace);
        let times: Vec<_> = found
            .iter()
            .map(|message| (message.sent_at(&trace), message.received_at(&trace)))
            .collect();
        let zero = Some(Time(0));
        let (second, stray) = ((zero, Some(Time(5))), (None, Some(Time(6))));
        assert_eq!(times, [(zero, None), second, (zero, None), stray]);
    }
}
