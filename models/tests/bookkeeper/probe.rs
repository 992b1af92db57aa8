//! A node that sends what it is told to, again if the connection breaks, and keeps the answers.

use headwater_models::role::CONSUMER;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use headwater_models::bookkeeper::config;
use headwater_models::bookkeeper::deploy::{add_bookies, add_metadata};
use headwater_models::bookkeeper::entry::{Entry, Payload};
use headwater_models::bookkeeper::ids::{EntryId, LedgerId};
use headwater_models::bookkeeper::message::{Message, Status, Which};
use headwater_models::bookkeeper::metadata::message::{
    MetadataError, MetadataMessage, MetadataResponse,
};
use headwater_models::deployment::Deployment;
use headwater_models::protocol::{self, Streaming};
use headwater_sim::context::Context;
use headwater_sim::machine::Factory;
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use crate::cluster::{Cluster, environment, simulate};

/// What was answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    Added(Status),
    Read(Status, Option<EntryId>),
    Metadata(Result<MetadataResponse, MetadataError>),
    Changed(u64),
}

/// Answers by request: when and what.
pub type Answers = Rc<RefCell<Vec<(u64, Time, Answer)>>>;

struct Probe {
    script: Vec<(Time, NodeId, Message)>,
    answers: Answers,
    unanswered: BTreeSet<u64>,
}

impl Node<Streaming> for Probe {
    fn on_start(&mut self, ctx: &mut Context<'_, Streaming>) {
        for (number, (at, ..)) in self.script.iter().enumerate() {
            ctx.timer(*at - ctx.now(), number as u64);
        }
    }

    fn on_message(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        _from: NodeId,
        message: protocol::Message,
    ) {
        let protocol::Message::BookKeeper(message) = message else { return };
        let (request, answer) = match message {
            Message::Added { request, status, .. } => (request, Answer::Added(status)),
            Message::ReadReply { request, status, found, .. } => {
                (request, Answer::Read(status, found.map(|entry| entry.id)))
            }
            Message::Metadata(message) => match *message {
                MetadataMessage::Reply { request, result } => (request, Answer::Metadata(result)),
                MetadataMessage::Changed { request, path } => (request, Answer::Changed(path.id)),
                MetadataMessage::Request { .. } => return,
            },
            Message::Add { .. } | Message::Read { .. } => return,
        };
        self.unanswered.retain(|number| request_of(&self.script[*number as usize].2) != request);
        self.answers.borrow_mut().push((request, ctx.now(), answer));
    }

    fn on_timer(&mut self, ctx: &mut Context<'_, Streaming>, tag: u64) {
        let (_, to, message) = &self.script[tag as usize];
        ctx.send(*to, protocol::Message::BookKeeper(message.clone()));
        self.unanswered.insert(tag);
    }

    fn on_completion(
        &mut self,
        _ctx: &mut Context<'_, Streaming>,
        _tag: u64,
        _completion: Completion<protocol::Record>,
    ) {
    }

    fn on_disconnect(&mut self, ctx: &mut Context<'_, Streaming>, peer: NodeId) {
        let lost = self.unanswered.iter().filter(|tag| self.script[**tag as usize].1 == peer);
        lost.for_each(|tag| ctx.timer(Duration::from_millis(1), *tag));
    }
}

/// The number of a request.
fn request_of(message: &Message) -> u64 {
    match message {
        Message::Add { request, .. } | Message::Read { request, .. } => *request,
        Message::Metadata(message) => match **message {
            MetadataMessage::Request { request, .. } => request,
            _ => unreachable!("a script asks"),
        },
        _ => unreachable!("a script asks"),
    }
}

/// The metadata service in [`cluster`].
pub const METADATA: NodeId = NodeId(0);
/// The bookie in [`cluster`].
pub const BOOKIE: NodeId = NodeId(1);

/// A metadata service, one bookie, and a probe with a script.
pub fn cluster(
    seed: u64,
    bookie: &config::Bookie,
    script: Vec<(Time, NodeId, Message)>,
) -> (Cluster, Answers) {
    let mut deployment = Deployment::default();
    let environment = environment();
    let metadata = add_metadata(&mut deployment, &environment, &config::Metadata::default());
    add_bookies(&mut deployment, &environment, 1, bookie, metadata);
    let answers = Answers::default();
    let kept = answers.clone();
    let machine = environment.client_machine(&mut deployment, "probe");
    let factory: Factory<Streaming> = Box::new(move |_| {
        let (script, answers, unanswered) = (script.clone(), kept.clone(), BTreeSet::new());
        Box::new(Probe { script, answers, unanswered })
    });
    deployment.node(CONSUMER, "probe", machine, vec![], factory);
    (simulate(seed, deployment), answers)
}

/// An add of entry `id` of ledger 0, with `bytes`.
pub fn add(request: u64, id: i64, bytes: u64, recovery: bool) -> Message {
    let entry = Entry {
        ledger: LedgerId(0),
        id: EntryId(id),
        last_add_confirmed: EntryId(id - 1),
        payload: Rc::new(Payload { bytes, ..Payload::default() }),
    };
    Message::Add { request, entry: Rc::new(entry), recovery }
}

/// A read of entry `id` of ledger 0.
pub fn read(request: u64, id: i64, fence: bool) -> Message {
    Message::Read { request, ledger: LedgerId(0), which: Which::Entry(EntryId(id)), fence }
}

/// The answer to a request, which must have been answered once.
pub fn answer(answers: &Answers, request: u64) -> Answer {
    let found: Vec<_> =
        answers.borrow().iter().filter(|(answered, ..)| *answered == request).cloned().collect();
    assert_eq!(found.len(), 1, "request {request}: {found:?}");
    found[0].2.clone()
}
