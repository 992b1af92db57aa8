//! Auto-recovery: a daemon that finds bookies that are gone, and copies again what they had.
//!
//! Stands for `replication/AutoRecoveryMain.java`, its auditor (`replication/Auditor.java`: here)
//! and its replication worker (`replication/ReplicationWorker.java`: `worker.rs`) of
//! apache/bookkeeper @ branch-4.15, as one process of its own. The auditor watches the registered
//! bookies, read-only ones included. One that goes is waited for (`lostBookieRecoveryDelay`),
//! unless another goes meanwhile; then every ledger with a lost bookie in an ensemble is
//! under-replicated.
//!
//! Parameters: [`config::AutoRecovery`]. Left out: the election among several daemons, and their
//! locks on ledgers; the periodic checks of all ledgers and of all bookies (a week and a day by
//! default); a bookie that is registered and has lost its data.

mod worker;

use headwater_sim::context::Context;
use headwater_sim::fold::{Folding, Needs};
use headwater_sim::machine::PoolSpec;
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::Duration;
use headwater_sim::units::NodeId;

use crate::component::Component;
use crate::protocol::{self, Streaming};
use crate::tags::TagSpace;

use super::config;
use super::ensemble_placement::registered;
use super::input::Input;
use super::ledger_metadata::LedgerMetadata;
use super::metadata::client::{MetadataClient, MetadataEvent};
use super::metadata::message::{
    BOOKIES, LEDGERS, MetadataError, MetadataResponse, Operation, READ_ONLY, Value,
};
use super::properties;
use super::signals;
use super::waits;
use worker::Worker;

const SERVICE: u32 = 1;
/// Component numbers of the worker: this and on.
const FIRST_COMPONENT: u32 = 2;

const TIMER_WORK: u64 = 1;
/// And the number of the audit.
const TIMER_AUDIT: u64 = 1 << 20;
/// And the number of the worker's component.
const TIMER_ADDS: u64 = 1 << 24;

/// No threads of its own that anything waits for.
pub const POOLS: [PoolSpec; 1] = [PoolSpec::unnamed("threads", 1)];

/// What a daemon is made with.
#[derive(Clone, Debug)]
pub struct AutoRecoverySpec {
    /// Its options.
    pub config: config::AutoRecovery,
    /// Those of its client.
    pub client: config::Client,
    /// The metadata service.
    pub metadata: NodeId,
    /// Session timeout with it in ms.
    pub session_timeout_ms: u64,
}

/// The daemon.
pub struct AutoRecovery {
    spec: AutoRecoverySpec,
    service: MetadataClient,
    /// Requests for the lists of bookies: the writable ones, then those that only read.
    listing: [Option<u64>; 2],
    lists: [Option<Vec<NodeId>>; 2],
    known: Vec<NodeId>,
    lost: Vec<NodeId>,
    audit_armed: bool,
    audits: u64,
    /// A request for all ledgers.
    auditing: Option<u64>,
    /// All ledgers were looked through once.
    audited: bool,
    worker: Worker,
}

impl AutoRecovery {
    /// A daemon that has just been started.
    pub fn new(spec: AutoRecoverySpec) -> Self {
        let timeout = Duration::from_millis(spec.session_timeout_ms);
        Self {
            service: MetadataClient::new(spec.metadata, TagSpace::new(SERVICE), timeout),
            listing: [None; 2],
            lists: [None, None],
            known: Vec::new(),
            lost: Vec::new(),
            audit_armed: false,
            audits: 0,
            auditing: None,
            audited: false,
            worker: Worker::default(),
            spec,
        }
    }

    fn list(&mut self, ctx: &mut Context<'_, Streaming>, which: usize) {
        let directory = [BOOKIES, READ_ONLY][which];
        let list = Operation::List { directory, watch: true };
        self.listing[which] = Some(self.service.request(ctx, list));
    }

    /// Every bookie that is registered, also those that take no more writes.
    fn available(&self) -> Vec<NodeId> {
        self.lists.iter().flatten().flatten().copied().collect()
    }

    /// Bookies that take writes.
    fn writable(&self) -> &[NodeId] {
        self.lists[0].as_deref().unwrap_or_default()
    }

    /// Bookies have come or gone (`Auditor.submitAuditTask`).
    fn bookies_changed(&mut self, ctx: &mut Context<'_, Streaming>) {
        if self.lists.iter().any(Option::is_none) {
            return;
        }
        if !std::mem::replace(&mut self.audited, true) {
            // What an earlier life has not finished (`Auditor.scheduleBookieCheckTask`).
            self.audit(ctx);
        }
        let available = self.available();
        for bookie in &available {
            if !self.known.contains(bookie) {
                self.known.push(*bookie);
            }
        }
        if !self.lost.is_empty() && self.lost.iter().all(|bookie| self.known.contains(bookie)) {
            // It is back.
            self.lost.clear();
            self.cancel_audit();
        }
        let gone = self.known.iter().filter(|bookie| !available.contains(bookie));
        let gone: Vec<NodeId> = gone.copied().collect();
        self.known.retain(|bookie| !gone.contains(bookie));
        self.lost.extend(gone);
        let delay = self.spec.config.lost_bookie_recovery_delay;
        if self.lost.is_empty() {
            return;
        }
        if delay == 0 || self.lost.len() > 1 {
            self.cancel_audit();
            self.audit(ctx);
        } else if !self.audit_armed {
            self.audit_armed = true;
            let tag = TIMER_AUDIT + self.audits;
            ctx.timer_for(Duration::from_secs(delay), tag, waits::LOST_BOOKIE);
        }
    }

    fn cancel_audit(&mut self) {
        self.audit_armed = false;
        self.audits += 1;
    }

    /// Looks through all ledgers (`Auditor.auditBookies`).
    fn audit(&mut self, ctx: &mut Context<'_, Streaming>) {
        self.lost.clear();
        let list = Operation::List { directory: LEDGERS, watch: false };
        self.auditing = Some(self.service.request(ctx, list));
    }

    fn ledgers_listed(&mut self, ctx: &mut Context<'_, Streaming>, ledgers: &[(u64, Value)]) {
        let available = self.available();
        let found: Vec<u64> = ledgers
            .iter()
            .filter(|(_, value)| match value {
                Value::Ledger(metadata) => !missing(metadata, &available).is_empty(),
                Value::Words(_) => false,
            })
            .map(|(ledger, _)| *ledger)
            .collect();
        signals::BOOKIES_AUDITED.note(ctx, 0, found.len() as u64);
        if !found.is_empty() {
            properties::UNDER_REPLICATED.reached(ctx);
        }
        for ledger in found {
            self.worker.enqueue(ledger);
        }
        self.work(ctx);
    }

    fn on_service(&mut self, ctx: &mut Context<'_, Streaming>, input: Input<'_>) {
        for event in self.service.on(ctx, input) {
            match event {
                MetadataEvent::SessionOpened(_) => {
                    self.list(ctx, 0);
                    self.list(ctx, 1);
                }
                MetadataEvent::SessionExpired => self.service.start(ctx),
                MetadataEvent::SessionClosed => ctx.exit(),
                MetadataEvent::Changed { request, .. } => {
                    if let Some(which) = self.listing.iter().position(|of| *of == Some(request)) {
                        self.list(ctx, which);
                    }
                }
                MetadataEvent::Reply { request, result } => self.on_reply(ctx, request, result),
            }
        }
    }

    fn on_reply(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        request: u64,
        result: Result<MetadataResponse, MetadataError>,
    ) {
        let which = self.listing.iter().position(|of| *of == Some(request));
        match result {
            Ok(MetadataResponse::Directory(list)) if self.auditing == Some(request) => {
                self.auditing = None;
                self.ledgers_listed(ctx, &list);
            }
            Ok(MetadataResponse::Directory(list)) => {
                if let Some(which) = which {
                    self.lists[which] = Some(registered(&list));
                    self.bookies_changed(ctx);
                }
            }
            other => self.worked(ctx, request, other),
        }
    }
}

/// Bookies of a ledger that are not available.
fn missing(metadata: &LedgerMetadata, available: &[NodeId]) -> Vec<NodeId> {
    let all = metadata.ensembles.iter().flat_map(|(_, ensemble)| ensemble);
    all.filter(|bookie| !available.contains(bookie)).copied().collect()
}

impl Node<Streaming> for AutoRecovery {
    /// It may come to copy any entry.
    fn needs(&self, _files: &Folding<'_, protocol::Record>, needs: &mut Needs) {
        needs.everything();
    }

    fn on_start(&mut self, ctx: &mut Context<'_, Streaming>) {
        self.service.start(ctx);
    }

    fn on_shutdown(&mut self, ctx: &mut Context<'_, Streaming>) {
        if !self.service.close(ctx) {
            ctx.exit();
        }
    }

    fn on_message(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        from: NodeId,
        message: protocol::Message,
    ) {
        let protocol::Message::BookKeeper(message) = message else { return };
        let Some(tag) = message.reply_tag() else { return };
        let input = Input::Message(from, &message);
        match TagSpace::number_of(tag) {
            SERVICE => self.on_service(ctx, input),
            _ => self.on_component(ctx, input),
        }
    }

    fn on_timer(&mut self, ctx: &mut Context<'_, Streaming>, tag: u64) {
        match (TagSpace::number_of(tag), tag) {
            (0, TIMER_WORK) => self.work_again(ctx),
            (0, TIMER_ADDS..) => self.adds_late(ctx, tag - TIMER_ADDS),
            (0, _) if self.audit_armed && tag == TIMER_AUDIT + self.audits => {
                self.cancel_audit();
                self.audit(ctx);
            }
            (0, _) => {}
            (SERVICE, _) => self.on_service(ctx, Input::Timer(tag)),
            _ => self.on_component(ctx, Input::Timer(tag)),
        }
    }

    fn on_completion(
        &mut self,
        _ctx: &mut Context<'_, Streaming>,
        _tag: u64,
        _completion: Completion<protocol::Record>,
    ) {
    }

    fn on_disconnect(&mut self, ctx: &mut Context<'_, Streaming>, peer: NodeId) {
        self.on_service(ctx, Input::Disconnect(peer));
        self.on_component(ctx, Input::Disconnect(peer));
    }
}
