//! Components: state machines on the client's side that a node embeds.
//!
//! Pure plumbing of this crate, nothing of BookKeeper is modelled here. See [`super`] for how a
//! node finds the component that an input is for; handing it to every one is right too.

use headwater_sim::context::Context;
use headwater_sim::units::NodeId;

use crate::protocol::Streaming;

use super::message::Message;

/// An input of a node, for its components.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A message has come.
    Message(NodeId, &'a Message),
    /// The timer with this tag has run out.
    Timer(u64),
    /// The connection with this node has broken.
    Disconnect(NodeId),
}

/// What a node embeds.
pub trait Component {
    /// What it tells the node.
    type Event;

    /// Takes an input; nothing comes of one that isn't its own.
    fn on(&mut self, ctx: &mut Context<'_, Streaming>, input: Input<'_>) -> Vec<Self::Event>;
}
