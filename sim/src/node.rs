//! What runs on the kernel: nodes as state machines, and the vocabulary that they share.

use std::fmt::Debug;

use crate::condition::Condition;
use crate::context::Context;
use crate::disk::{DiskError, FileId};
use crate::effect::Effect;
use crate::fault::Fault;
use crate::fold::{Folding, Needs};
use crate::log::LogEntry;
use crate::time::Time;
use crate::units::NodeId;

/// A family of nodes that talk to each other: their messages, disk records and observations.
pub trait Protocol: Sized + 'static {
    /// What nodes send each other.
    type Message: Message;
    /// What nodes keep on disk.
    type Record: Record;
    /// What nodes tell the observer; nothing in the simulation reads it back.
    type Note: Note;
}

/// A message between nodes. Keep it small (64 bytes or so) and box large parts.
pub trait Message: Debug + 'static {
    /// Size on the wire in bytes, headers of the modelled protocol included.
    fn size_bytes(&self) -> u64;
    /// A short name for logs and diagrams, such as `produce`.
    fn kind(&self) -> &'static str;
    /// A cheap hash of what the message says, for the fingerprint; never of an address.
    fn digest(&self) -> u64;
    /// A copy of the message, for a network that duplicates datagrams; nothing if it travels on
    /// connections only, which drop duplicates.
    fn duplicate(&self) -> Option<Self>
    where
        Self: Sized,
    {
        None
    }
}

/// A record on disk: the unit that is written, lost, torn or corrupted as a whole.
pub trait Record: Clone + Debug + 'static {
    /// Size on disk in bytes, padding and headers of the modelled format included.
    fn size_bytes(&self) -> u64;
    /// A cheap hash of what the record says, for the fingerprint.
    fn digest(&self) -> u64;
    /// Of a record that stands for others ([`crate::fold`]): the hash of a read of all of them,
    /// from the first of the file: [`READ`], mixed with the digest of one after the other.
    fn digest_of_read(&self) -> Option<u64> {
        None
    }
    /// How many records of its file it stands for ([`crate::fold`]).
    fn stands_for(&self) -> u64 {
        1
    }
    /// Of two records that stand for others, of which `next` follows: one that stands for all.
    fn joined(&self, next: &Self) -> Option<Self>
    where
        Self: Sized,
    {
        let _ = next;
        None
    }
}

/// What the hash of a read that found no damage begins with ([`Record::digest_of_read`]).
pub const READ: u64 = 4;

/// An observation: an ack, a delivery, an election. Goes to the [`Observer`], never to a node.
pub trait Note: Debug + 'static {
    /// A cheap hash of what the note says, for the fingerprint.
    fn digest(&self) -> u64;
}

/// Sees every note as it is made, in order, and every event, effect and fault if it wants to. It
/// measures and checks; it cannot act.
pub trait Observer<P: Protocol> {
    /// `node` made `note` at the true (not the node's own) time `at`.
    fn note(&mut self, at: Time, node: NodeId, note: P::Note);

    /// Event `number`, from 0, is about to be handed to its node; the fingerprint is `hash` with
    /// it.
    #[inline]
    fn event(&mut self, number: u64, hash: u64, entry: &LogEntry) {
        let _ = (number, hash, entry);
    }

    /// `node` asked for `effect`, which is about to be carried out.
    #[inline]
    fn effect(&mut self, at: Time, node: NodeId, effect: &Effect<P>) {
        let _ = (at, node, effect);
    }

    /// In a run that keeps causes, after all that the event reported last has led to at once:
    /// whether it is to be kept, with what led to it ([`crate::causes::Causes::kept`]).
    #[inline]
    fn keeps(&mut self) -> bool {
        false
    }

    /// `fault` is about to happen; it is the event that was reported last.
    #[inline]
    fn fault(&mut self, at: Time, fault: &Fault) {
        let _ = (at, fault);
    }
}

/// An observer that ignores everything.
impl<P: Protocol> Observer<P> for () {
    fn note(&mut self, _at: Time, _node: NodeId, _note: P::Note) {}
}

/// What the kernel reports back for an effect that takes time.
#[derive(Clone, Debug, PartialEq)]
pub enum Completion<R> {
    /// The CPU work is done.
    Computed,
    /// The record lies in the page cache, as record number `index` of its file.
    Written {
        /// Its number in the file, from 0.
        index: u64,
    },
    /// Everything that was written to the file before the sync was asked for is durable.
    Synced,
    /// The records read, from the one asked for; fewer than asked for at the end of the file.
    Read {
        /// The records, in file order. A corrupt or torn record ends the list.
        records: Vec<R>,
        /// True if a record was there but could not be read (torn or corrupt).
        damaged: bool,
    },
    /// The files that this node has on the disk, ascending, with their number of records.
    Listed {
        /// (file, records).
        files: Vec<(FileId, u64)>,
    },
    /// The disk refused.
    Failed(DiskError),
}

/// A state machine. It holds no clock, does no I/O and never blocks: it takes one input and records
/// effects in the [`Context`]. A restarted node is built anew by its factory and finds what its
/// disk gives back, nothing else.
pub trait Node<P: Protocol> {
    /// The process has started, for the first time or again.
    fn on_start(&mut self, ctx: &mut Context<'_, P>);
    /// A message has arrived.
    fn on_message(&mut self, ctx: &mut Context<'_, P>, from: NodeId, message: P::Message);
    /// A timer set with this tag has run out. Timers can't be cancelled: ignore a stale one.
    fn on_timer(&mut self, ctx: &mut Context<'_, P>, tag: u64);
    /// CPU or disk work asked for with this tag is done.
    fn on_completion(
        &mut self,
        ctx: &mut Context<'_, P>,
        tag: u64,
        completion: Completion<P::Record>,
    );
    /// The connection with `peer` has broken (its process died, or refused). Messages sent to it
    /// and not yet delivered are lost. The next send opens a new connection.
    fn on_disconnect(&mut self, ctx: &mut Context<'_, P>, peer: NodeId) {
        let _ = (ctx, peer);
    }
    /// The process is asked to stop (SIGTERM). It may take its time, and ends with
    /// [`Context::exit`]; at once, if it has nothing to do first.
    fn on_shutdown(&mut self, ctx: &mut Context<'_, P>) {
        ctx.exit();
    }
    /// From where on it may still ask any node, itself after a restart included, for what is kept
    /// ([`crate::fold`]). A node that keeps `files` needs all that is not durable there.
    fn needs(&self, files: &Folding<'_, P::Record>, needs: &mut Needs) {
        let _ = (files, needs);
    }
    /// What nobody needs may be folded, in memory and in `files`.
    fn fold(&mut self, files: &mut Folding<'_, P::Record>, needs: &Needs) {
        let _ = (files, needs);
    }
    /// For a node that stands for an external service, such as an object store: the condition of
    /// the service has changed. Other nodes never get this.
    fn on_condition(&mut self, ctx: &mut Context<'_, P>, condition: &Condition) {
        let _ = (ctx, condition);
    }
}
