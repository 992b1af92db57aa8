//! Folding: every node says what it still needs, then each forgets the rest ([`crate::fold`]).

use super::{NodeState, Simulation};
use crate::fold::{Folding, Needs};
use crate::node::{Observer, Protocol};
use crate::queue::EventQueue;
use crate::units::NodeId;

impl<P: Protocol, O: Observer<P>, Q: EventQueue> Simulation<P, O, Q> {
    /// Has every node fold what no node needs any more. While one of them is down, nobody knows
    /// what it will ask for, and nothing is folded.
    pub fn fold(&mut self) {
        self.fold_while_down(|_| false);
    }

    /// The same also while nodes are down of which `spoken_for` is true: whatever they ask for when
    /// they are back, others that are up say so.
    pub fn fold_while_down(&mut self, spoken_for: impl Fn(NodeId) -> bool) {
        let mut needs = Needs::default();
        for (index, NodeState { node, files, .. }) in (0..).zip(&mut self.nodes) {
            match node {
                Some(node) => node.needs(&Folding { files }, &mut needs),
                None if spoken_for(NodeId(index)) => {}
                None => return,
            }
        }
        for NodeState { node, files, .. } in &mut self.nodes {
            if let Some(node) = node {
                node.fold(&mut Folding { files }, &needs);
            }
        }
    }
}
