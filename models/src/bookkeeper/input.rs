//! The inputs of the components of BookKeeper's client.
//!
//! Plumbing only: nothing of BookKeeper is modelled here.

use crate::component;

use super::message::Message;

/// An input of a node, for the components of BookKeeper's client.
pub type Input<'a> = component::Input<'a, Message>;
