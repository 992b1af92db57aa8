//! Components: state machines that a node embeds, such as the client of another system.
//!
//! Plumbing only: nothing of a system is modelled here. A component is made with a
//! [`TagSpace`](crate::tags::TagSpace) of its own, by whose number a node finds the one that an
//! input is for; handing it to every one is right too.

use headwater_sim::context::Context;
use headwater_sim::units::NodeId;

use crate::protocol::Streaming;

/// An input of a node, for its components. `M` are the messages that they understand.
#[derive(Debug)]
pub enum Input<'a, M> {
    /// A message has come.
    Message(NodeId, &'a M),
    /// The timer with this tag has run out, or the CPU work with it is done.
    Timer(u64),
    /// The connection with this node has broken.
    Disconnect(NodeId),
}

// Derived, they would demand the same of the messages.
impl<M> Clone for Input<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Input<'_, M> {}

/// What a node embeds.
pub trait Component {
    /// The messages that it understands.
    type Message;
    /// What it tells the node.
    type Event;

    /// Takes an input; one that isn't its own gives nothing.
    fn on(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        input: Input<'_, Self::Message>,
    ) -> Vec<Self::Event>;
}
