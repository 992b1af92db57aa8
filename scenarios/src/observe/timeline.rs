//! What happened, as marks on a timeline, bounded in number, and who leads.

use std::collections::{BTreeMap, BTreeSet};

use headwater_models::batch::StreamId;
use headwater_models::note::Note;
use headwater_models::signal;
use headwater_reports::outcome::Mark;
use headwater_sim::time::Time;
use headwater_sim::units::NodeId;

use crate::targets::Holders;

/// Marks of one name that are kept; more are counted.
const MARKS_MAX: usize = 200;

/// An event as it was noted.
#[derive(Clone, Copy, Debug)]
struct Moment {
    at: Time,
    node: NodeId,
    mark: &'static signal::Mark,
    entity: u64,
    peer: Option<NodeId>,
    value: u64,
}

/// Marks by name, and who holds the offices.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    marks: Vec<Moment>,
    counts: BTreeMap<&'static str, u64>,
    holders: Holders,
}

impl Timeline {
    /// Takes from a note what belongs on the timeline. `stream` is that of the node's system.
    pub fn note(&mut self, at: Time, (node, stream): (NodeId, StreamId), note: &Note) {
        let Note::Event { mark, entity, peer, value } = note else { return };
        if let Some(office) = mark.office(*entity) {
            self.holders.insert((stream, office.name), peer.unwrap_or(node));
        }
        let count = self.counts.entry(mark.name).or_default();
        *count += 1;
        if *count <= MARKS_MAX as u64 {
            let (entity, peer, value) = (*entity, *peer, *value);
            self.marks.push(Moment { at, node, mark, entity, peer, value });
        }
    }

    /// Who holds the offices of the systems, as far as it has been told.
    pub fn holders(&self) -> &Holders {
        &self.holders
    }

    /// The names of those marks so far that change who does what.
    pub fn turning(&self) -> BTreeSet<&'static str> {
        let turning = self.marks.iter().filter(|moment| moment.mark.turns);
        turning.map(|moment| moment.mark.name).collect()
    }

    /// The marks in order of time, with the names of nodes.
    pub fn marks(&self, name_of: impl Fn(NodeId) -> String) -> Vec<Mark> {
        let mark = |moment: &Moment| {
            let peer = moment.peer.map(&name_of);
            let detail = moment.mark.detail(moment.entity, peer.as_deref(), moment.value);
            let node = name_of(moment.node);
            let detail = if detail.is_empty() { node } else { format!("{node}: {detail}") };
            Mark { at_ns: moment.at.0, name: moment.mark.name.into(), detail }
        };
        let mut marks: Vec<Mark> = self.marks.iter().map(mark).collect();
        for (name, count) in self.counts.iter().filter(|(_, count)| **count > MARKS_MAX as u64) {
            let at_ns = marks.iter().rev().find(|mark| mark.name == *name).map_or(0, |m| m.at_ns);
            let detail = format!("{count} in all; the first {MARKS_MAX} are shown");
            marks.push(Mark { at_ns, name: (*name).into(), detail });
        }
        marks.sort_by_key(|mark| mark.at_ns);
        marks
    }
}
