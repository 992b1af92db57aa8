//! An audit reader: one that begins when all is over, and reads everything that is retained.
//!
//! Stands for an application that is started once the faults are over, reads a stream from its
//! first retained event, and keeps account of what it does not find. Readers that keep up are
//! served from memory; it is served from what was kept. It is a reader of the system's own that
//! waits ([`Late`]), numbered after the others ([`System::auditor`]), in no group of theirs and
//! without anybody who takes from it.
//!
//! Parameter: when it begins ([`Environment::audit`]). Left out: nothing.
//!
//! [`System::auditor`]: crate::system::System::auditor
//! [`Environment::audit`]: crate::deployment::Environment::audit

use headwater_sim::context::Context;
use headwater_sim::fold::{Folding, Needs};
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::Time;
use headwater_sim::units::NodeId;

use crate::protocol::{Message, Record, Streaming};

/// Its name in a deployment.
pub const NAME: &str = "auditor-1";

/// The tag of the only timer that it sets before it begins.
const BEGIN: u64 = 0;

/// A node that begins at a time, and is down to the world before.
pub struct Late<N> {
    from: Time,
    begun: bool,
    node: N,
}

impl<N> Late<N> {
    /// `node`, which begins at `from`.
    pub const fn new(from: Time, node: N) -> Self {
        Self { from, begun: false, node }
    }
}

impl<N: Node<Streaming>> Late<N> {
    fn begin(&mut self, ctx: &mut Context<'_, Streaming>) {
        self.begun = true;
        self.node.on_start(ctx);
    }
}

impl<N: Node<Streaming>> Node<Streaming> for Late<N> {
    fn on_start(&mut self, ctx: &mut Context<'_, Streaming>) {
        match self.from.since(ctx.now()) {
            wait if wait.0 > 0 => ctx.timer(wait, BEGIN),
            _ => self.begin(ctx),
        }
    }

    fn on_message(&mut self, ctx: &mut Context<'_, Streaming>, from: NodeId, message: Message) {
        if self.begun {
            self.node.on_message(ctx, from, message);
        }
    }

    fn on_timer(&mut self, ctx: &mut Context<'_, Streaming>, tag: u64) {
        if self.begun {
            return self.node.on_timer(ctx, tag);
        }
        self.begin(ctx);
    }

    fn on_completion(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        tag: u64,
        completion: Completion<Record>,
    ) {
        self.node.on_completion(ctx, tag, completion);
    }

    fn on_disconnect(&mut self, ctx: &mut Context<'_, Streaming>, peer: NodeId) {
        if self.begun {
            self.node.on_disconnect(ctx, peer);
        }
    }

    fn on_shutdown(&mut self, ctx: &mut Context<'_, Streaming>) {
        match self.begun {
            true => self.node.on_shutdown(ctx),
            false => ctx.exit(),
        }
    }

    fn needs(&self, files: &Folding<'_, Record>, needs: &mut Needs) {
        self.node.needs(files, needs);
    }

    fn fold(&mut self, files: &mut Folding<'_, Record>, needs: &Needs) {
        self.node.fold(files, needs);
    }
}
