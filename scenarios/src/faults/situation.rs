//! What a kind of fault is given when it begins or ends: its targets, and what else is going on.

use headwater_sim::disk::FileId;
use headwater_sim::fault::Fault;
use headwater_sim::random::Stream;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{MachineId, NodeId};

use super::kind::Timed;
use super::planner::Planner;

/// Faults that repeat while they last must let some time pass, or they would never be over.
const TURN_MIN: Duration = Duration::from_millis(1);

/// The targets of a fault, its duration, and what the planner knows about everything else.
#[derive(Clone, Copy)]
pub(crate) struct Situation<'a> {
    pub(super) planner: &'a Planner<'a>,
    /// Which fault of the plan it is.
    pub(super) index: usize,
    /// Its target.
    pub(super) nodes: &'a [NodeId],
    /// The other side: all other nodes, if the file names none.
    pub(super) peers: &'a [NodeId],
    /// The machines of the target.
    pub(super) machines: &'a [MachineId],
    /// When it begins.
    pub(super) at: Time,
    /// How long it lasts; without an end, for as long as anything does.
    pub(super) lasts: Duration,
}

/// Something that begins, lasts, ends, and begins again after a pause.
pub(super) struct Turn {
    /// How it comes.
    pub(super) on: Fault,
    /// For how long.
    pub(super) lasts: Duration,
    /// How it goes.
    pub(super) off: Fault,
    /// How long it stays away.
    pub(super) rests: Duration,
}

impl Situation<'_> {
    /// A fault of each node.
    pub(super) fn each_node(&self, make: impl Fn(NodeId) -> Fault) -> Vec<Fault> {
        self.nodes.iter().map(|node| make(*node)).collect()
    }

    /// A fault of each machine.
    pub(super) fn each_machine(&self, make: impl Fn(MachineId) -> Fault) -> Vec<Fault> {
        self.machines.iter().map(|machine| make(*machine)).collect()
    }

    /// Every node, hit or not.
    pub(super) fn everyone(&self) -> impl Iterator<Item = NodeId> {
        (0..self.planner.nodes() as u32).map(NodeId)
    }

    /// The draws of this fault: by its kind and time, so that adding or removing others does not
    /// change them.
    pub(super) fn stream(&self) -> Stream {
        self.planner.stream(self.index)
    }

    /// The file that identifies a node's directory, and its name while it is moved aside.
    pub(super) fn identity(&self, node: NodeId) -> Option<(FileId, FileId)> {
        self.planner.identity(node)
    }

    /// Another fault in progress keeps this node's process from running.
    pub(super) fn keeps_down(&self, node: NodeId) -> bool {
        self.planner.keeps_down(node)
    }

    /// `percent` of the usual time of a core, in percent of the kernel's usual time.
    pub(super) fn cpu_percent(&self, percent: u32) -> u32 {
        let percent = u64::from(percent) * u64::from(self.planner.cpu_percent) / 100;
        u32::try_from(percent.max(1)).unwrap_or(u32::MAX)
    }

    /// One turn after another on each node, until the fault is over. Who is stopped for good is not
    /// started.
    pub(super) fn repeated(&self, turn: impl Fn(NodeId, &mut Stream) -> Turn) -> Vec<Timed> {
        let mut stream = self.stream();
        let mut faults = Vec::new();
        for node in self.nodes.iter().copied() {
            let mut at = Duration::ZERO;
            while at < self.lasts {
                let turn = turn(node, &mut stream);
                let back = (at + turn.lasts).min(self.lasts);
                faults.push((at, turn.on));
                let starts = matches!(turn.off, Fault::Restart { .. });
                if !(starts && self.planner.is_gone(node, self.at + back)) {
                    faults.push((back, turn.off));
                }
                at += (turn.lasts + turn.rests).max(TURN_MIN);
            }
        }
        faults
    }
}
