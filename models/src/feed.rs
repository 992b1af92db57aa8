//! What a system is deployed with: the stream that it is, and where its writers' events come from.

use headwater_sim::machine::{Factory, PoolSpec};
use headwater_sim::node::Node;
use headwater_sim::units::{MachineId, NodeId};

use crate::arrival::ArrivalSource;
use crate::batch::StreamId;
use crate::deployment::{Deployment, Environment};
use crate::handover::Handover;
use crate::intake::Intake;
use crate::outlet::Outlet;
use crate::protocol::Streaming;
use crate::replay::Replay;
use crate::role::Role;
use crate::topics::Topics;

/// Where the events of a stream come from.
#[derive(Clone)]
pub(crate) enum Source {
    /// The schedule.
    Schedule(ArrivalSource),
    /// The readers of another stream.
    Readers(Handover),
}

/// What one system of a run writes, and what becomes of what it hands out.
#[derive(Clone)]
pub struct Feed {
    pub(crate) stream: StreamId,
    pub(crate) source: Source,
    /// What is known of its events; nothing in a run in which no system hands on.
    pub(crate) own: Option<Handover>,
    /// What its events are about.
    topics: Topics,
}

impl Feed {
    /// Of a system that writes the schedule, and whose readers hand nothing on.
    pub fn schedule(stream: StreamId, source: &ArrivalSource) -> Self {
        let topics = Topics::default();
        Self { stream, source: Source::Schedule(source.clone()), own: None, topics }
    }

    /// Of a system that writes what the readers of `from` hand on.
    ///
    /// # Panics
    /// If `from` does not keep its events ([`Self::keeping`]).
    pub fn readers_of(from: &Self, stream: StreamId) -> Self {
        let topics = from.topics.clone();
        let from = from.own.clone().expect("a stream that is taken from keeps its events");
        Self { stream, source: Source::Readers(from), own: None, topics }
    }

    /// With what the schedule's events are about.
    #[must_use]
    pub fn about(self, topics: &Topics) -> Self {
        Self { topics: topics.clone(), ..self }
    }

    /// What its events are about.
    pub const fn topics(&self) -> &Topics {
        &self.topics
    }

    /// With its events kept until they are handed out, so that others may take from its readers and
    /// what comes out at the end is held against the schedule.
    pub fn keeping(self) -> Self {
        let from = match &self.source {
            Source::Schedule(_) => None,
            Source::Readers(from) => Some(from),
        };
        Self { own: Some(Handover::taking_from(from)), ..self }
    }

    /// With its events kept, if it does not keep them already.
    pub fn kept(self) -> Self {
        if self.own.is_some() { self } else { self.keeping() }
    }

    /// What reads the stream runs on this machine.
    pub fn read_on(&self, machine: MachineId) {
        if let Some(own) = &self.own {
            own.add_reader(machine);
        }
    }

    /// The machine of writer `name`, the stream's `writer`th: one of its own, or that of the reader
    /// that it takes from.
    pub fn writer_machine(
        &self,
        deployment: &mut Deployment,
        environment: &Environment,
        name: &str,
        writer: u32,
    ) -> MachineId {
        let shared = match &self.source {
            Source::Schedule(_) => None,
            Source::Readers(from) => from.reader_machine(writer),
        };
        shared.unwrap_or_else(|| environment.client_machine(deployment, name))
    }

    /// Adds the only process, `name`, of a system that keeps its own position: what it takes is a
    /// [`Replay`]. It has a machine of its own, or that of a reader of the stream that it takes
    /// from; of several such systems each is with the next reader. Gives what the process was built
    /// from as well, in which its events are kept.
    pub fn add_replay_process<N: Node<Streaming> + 'static>(
        &self,
        (deployment, environment): (&mut Deployment, &Environment),
        (role, name): (&'static Role, &str),
        pools: Vec<PoolSpec>,
        build: impl Fn(&Self) -> N + 'static,
    ) -> (Self, NodeId) {
        let feed = self.clone().kept();
        let shared = match &feed.source {
            Source::Schedule(_) => None,
            Source::Readers(from) => from.next_machine(),
        };
        let machine = shared.unwrap_or_else(|| environment.client_machine(deployment, name));
        feed.read_on(machine);
        if let Source::Readers(from) = &feed.source {
            from.add_shelf(feed.stream);
        }
        let of_process = feed.clone();
        let factory: Factory<Streaming> = Box::new(move |_| Box::new(build(&of_process)));
        let node = deployment.node(role, name, machine, pools, factory);
        (feed, node)
    }

    /// The machine of reader `name`.
    pub fn reader_machine(
        &self,
        deployment: &mut Deployment,
        environment: &Environment,
        name: &str,
    ) -> MachineId {
        let machine = environment.client_machine(deployment, name);
        self.read_on(machine);
        machine
    }

    /// The stream's next writer is this node.
    pub fn add_writer(&self, node: NodeId) {
        if let Source::Readers(from) = &self.source {
            from.add_writer(self.stream, node);
        }
    }

    /// This node, which keeps its own position, is told when there is something new since it last
    /// looked; what the schedule has it can tell by itself ([`Replay::look_when_due`]).
    pub fn add_replay_reader(&self, node: NodeId) {
        if let Source::Readers(from) = &self.source {
            from.tell_of_new(self.stream, node);
        }
    }

    /// What a system that keeps its own position takes, from the beginning of a life. Events of the
    /// schedule are spread over `lanes`, those of another stream are of its lanes.
    pub fn replay(&self, lanes: u32) -> Replay {
        match &self.source {
            Source::Schedule(schedule) => Replay::schedule(schedule(0, 1), lanes),
            Source::Readers(from) => Replay::readers(from.clone(), self.stream),
        }
    }

    /// This node is told when all that the system has passed on is settled.
    pub fn add_watcher(&self, node: NodeId) {
        if let Some(own) = &self.own {
            own.watch(node);
        }
    }

    /// The stream.
    pub const fn stream(&self) -> StreamId {
        self.stream
    }

    /// What writer `writer` of `writers` takes, from the beginning of a life.
    pub fn intake(&self, writer: u32, writers: u32) -> Intake {
        Intake::new(self, writer, writers)
    }

    /// Where the audit reader, which has the number `reader`, puts what it was handed: nobody takes
    /// from it.
    pub fn audit_outlet(&self, reader: u32) -> Outlet {
        Outlet::new(reader, None)
    }

    /// Where reader `reader` puts what it was handed.
    pub fn outlet(&self, reader: u32) -> Outlet {
        Outlet::new(reader, self.own.clone())
    }
}

impl From<&ArrivalSource> for Feed {
    /// Of the only system of a run.
    fn from(source: &ArrivalSource) -> Self {
        Self::schedule(StreamId(0), source)
    }
}
