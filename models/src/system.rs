//! The port for systems: what a system says about itself.
//!
//! A system implements [`SystemKind`] (before it is configured) and [`System`] (with its
//! configuration) in its own folder, and stands in [`Systems::standard`]. Nothing else asks which
//! system it is. A system of another crate is added with [`Systems::with`]; its messages and
//! records are [`Message::Other`](crate::protocol::Message::Other) and
//! [`Record::Other`](crate::protocol::Record::Other).
//!
//! [`Systems::standard`]: crate::systems::Systems::standard
//! [`Systems::with`]: crate::systems::Systems::with

use std::any::Any;
use std::fmt::Debug;
use std::panic::RefUnwindSafe;
use std::sync::Arc;

use erased_serde::Serialize;
pub use headwater_reading::input::{Input, InputError};
use headwater_sim::time::Duration;
pub use schemars::{Schema, schema_for};

use crate::arrival::ArrivalSource;
use crate::batch::Lane;
use crate::deployment::{Deployment, Environment};
use crate::feed::Feed;
use crate::property::Property;
use crate::queries::Load;
use crate::role::Role;
use crate::signal::{Office, Roles, Signals};
use crate::sizing::Sizing;
use crate::wait::{Timer, Wait, Without};

/// A system as it is configured.
pub type Configured = Result<Arc<dyn System>, InputError>;

/// A system before it is configured.
pub trait SystemKind: Debug + Send + Sync + RefUnwindSafe {
    /// Its name in `kind = "..."`.
    fn name(&self) -> &'static str;

    /// A scenario file to begin with, with comments; none if there is none.
    fn starter(&self) -> Option<&'static str> {
        None
    }

    /// How clusters of it are sized; none where nobody plans it.
    fn sizing(&self) -> Option<&'static dyn Sizing> {
        None
    }

    /// The roles of its nodes.
    fn roles(&self) -> Vec<&'static Role>;

    /// The roles that one node at a time has; a fault's target may name these.
    fn offices(&self) -> Vec<&'static Office> {
        Vec::new()
    }

    /// What it tells of itself.
    fn signals(&self) -> Signals;

    /// What a run of it must always, sometimes and eventually show.
    fn properties(&self) -> Vec<&'static Property>;

    /// Options that determine the defaults of the others, such as `version`.
    fn deciding(&self) -> &'static [&'static str] {
        &[]
    }

    /// Its options as a schema of JSON, which is derived from the type that they are read as: what
    /// each means, and what it may be. A section's `x-source` says where its options come from.
    fn schema(&self) -> Schema {
        Schema::default()
    }

    /// Names of options that it has in life and not here, sorted, so that a scenario that sets one
    /// is not told that there is none.
    fn unmodelled(&self) -> &'static [&'static str] {
        &[]
    }

    /// The configuration before the file's options. `deciding` holds those of
    /// [`deciding`](Self::deciding) that the file sets; `keyed` is whether events have keys.
    ///
    /// # Errors
    /// A value that such an option does not have.
    fn defaults(&self, deciding: Input, keyed: bool) -> Configured;

    /// The system of a whole configuration: each option of [`defaults`](Self::defaults), with its
    /// value.
    ///
    /// # Errors
    /// A value that an option does not have.
    fn configured(&self, options: Input) -> Configured;

    /// The same with what follows from its options for others that nobody has set; `is_set` is
    /// asked by an option's name, such as `producer.acks`.
    fn settled(&self, system: Arc<dyn System>, _is_set: &dyn Fn(&str) -> bool) -> Arc<dyn System> {
        system
    }
}

/// A system with its whole configuration, which is what it serialises as.
pub trait System: Serialize + Debug + Send + Sync {
    /// What it is.
    fn kind(&self) -> &'static dyn SystemKind;

    /// Itself, for a caller that knows its type.
    fn as_any(&self) -> &dyn Any;

    /// What makes it impossible, if anything.
    ///
    /// # Errors
    /// The first impossible value and what would be possible, by the options' names.
    fn check(&self) -> Result<(), String>;

    /// Its version, as its makers write it.
    fn version(&self) -> String;

    /// Adds its machines and nodes, which write what `feed` gives. Other systems may stand in the
    /// deployment already: nodes are numbered from [`Deployment::next_node`].
    fn deploy(&self, deployment: &mut Deployment, environment: &Environment, feed: &Feed);

    /// A deployment of it alone, which writes the schedule.
    fn deployed(&self, environment: &Environment, source: &ArrivalSource) -> Deployment {
        let mut deployment = Deployment::default();
        self.deploy(&mut deployment, environment, &Feed::from(source));
        deployment
    }

    /// Whether its writers have a pacer where there is one ([`Environment::pacer`]).
    fn paces(&self) -> bool {
        false
    }

    /// Whether its nodes fold what nobody needs any more ([`headwater_sim::fold`]), so that memory
    /// does not grow with the length of a run.
    fn folds(&self) -> bool {
        false
    }

    /// Whether a node of this role needs nothing, while it is down, that others which are up don't
    /// say: then they fold on.
    fn speaks_for(&self, _role: &Role) -> bool {
        false
    }

    /// Why its writers cannot take from another system's readers, if they cannot.
    fn takes_schedule_only(&self) -> Option<&'static str> {
        None
    }

    /// Itself, with its offices in such hands at first.
    ///
    /// # Errors
    /// Why none of its nodes could be so.
    fn arranged(&self, _roles: Roles) -> Result<Arc<dyn System>, String> {
        Err(format!("{} can't be told who holds which office", self.kind().name()))
    }

    /// What it claims to survive.
    fn claims(&self) -> Claims;

    /// Disks that each of its servers' machines has to have.
    fn disks(&self) -> u8 {
        1
    }

    /// Copies that it keeps of everything.
    fn copies(&self) -> u32;

    /// What its readers' positions count.
    fn positions(&self) -> Positions {
        Positions::Events
    }

    /// Its readers, where several groups of them read everything each; nothing where all of them
    /// together do so once.
    fn reader_groups(&self) -> Option<ReaderGroups> {
        None
    }

    /// The number of its audit reader ([`crate::audit`]), which is that of its other readers;
    /// nothing where it has none.
    fn auditor(&self) -> Option<u32> {
        None
    }

    /// The copies of an event that are on its servers' disks by the time its writer is told that it
    /// is stored; nothing where that promises none.
    fn acked_by(&self) -> Option<AckedBy> {
        None
    }

    /// Whether a lane may have events of this key; `index` is the event's number in the schedule.
    /// Worked out from the key and the lane alone, not as writers do it.
    fn may_have(&self, _lane: Lane, _key: u64, _index: u64) -> bool {
        true
    }

    /// How often an event may turn up, by the configuration of its writers.
    fn once(&self) -> Once;

    /// How often what takes from its readers gets an event.
    fn hands_on(&self) -> Handing {
        Handing::Once
    }

    /// How often its files have each event that was stored where its own come from, when all is
    /// over; nothing where they need not have all of them.
    fn archives(&self) -> Option<Once> {
        None
    }

    /// The roles of nodes of which each has every event, in the end, that was stored where its own
    /// come from, and has it durably; none where that is not promised.
    fn finds(&self) -> &'static [&'static Role] {
        &[]
    }

    /// What its users ask, and the role of the only node that stands for them; nothing where nobody
    /// asks.
    fn asks(&self) -> Option<(&'static Role, Load)> {
        None
    }

    /// The windows in which it counts what events are about, and shows each once it is over;
    /// nothing where it doesn't.
    fn ranks(&self) -> Option<Windows> {
        None
    }

    /// What a node of this role waits for by a timer.
    fn waits(&self, role: &Role, timer: Timer) -> Wait {
        Wait::likely(role, timer.after)
    }

    /// The mechanisms that it has on and can be run without.
    fn without(&self) -> Vec<Without> {
        Vec::new()
    }
}

erased_serde::serialize_trait_object!(System);

impl dyn System {
    /// Its configuration, if it is of this type.
    pub fn downcast_ref<T: Any>(&self) -> Option<&T> {
        self.as_any().downcast_ref()
    }
}

/// Groups of readers, numbered one after the other, each of which reads everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReaderGroups {
    /// How many.
    pub count: u32,
    /// Readers of each.
    pub members: u32,
}

/// Windows of event time, in which topics are counted: one ends at each multiple of `advance`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Length of one; a multiple of `advance`.
    pub size: Duration,
    /// From the beginning of one to that of the next; as long as one, they follow one another.
    pub advance: Duration,
    /// The most frequent topics that are shown.
    pub top: usize,
}

/// What an acknowledgement stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckedBy {
    /// Servers that have the event in a file.
    pub copies: u32,
    /// And have synced it.
    pub durable: bool,
}

/// What a system claims to survive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Servers that may lose their data without an acknowledged event being lost.
    pub losses: u32,
    /// A power cut costs a server acknowledged data: nothing is synced before the acknowledgement.
    pub power_is_loss: bool,
    /// A server that has lost its data comes back and catches up by itself.
    pub returns: bool,
    /// Servers that may stay down for good while everything can still be written and read.
    pub absent: u32,
    /// How long a server whose process has ended does not count as one that has everything, though
    /// it has lost nothing.
    pub counted_out: Duration,
}

impl Claims {
    /// Those of processes that nobody stands in for: all that is claimed is that they come back.
    pub const OF_SINGLE_PROCESSES: Self = Self {
        losses: 0,
        power_is_loss: false,
        returns: true,
        absent: 0,
        counted_out: Duration::ZERO,
    };
}

/// What the positions of deliveries count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Positions {
    /// Events: a Kafka offset, or a reader's own count per lane. `n` events take `n` positions.
    #[default]
    Events,
    /// Bytes: an offset in a Pravega segment. Headers may lie between one batch and the next, so
    /// only the first event of a batch has a position that is known.
    Bytes,
}

/// How often what takes from a system's readers gets an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Handing {
    /// Once, however often they read it.
    #[default]
    Once,
    /// Once at the least: they may work on it once more after a restart.
    AtLeastOnce,
}

/// How often an event may turn up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Once {
    /// Any number of times: only at-least-once is promised.
    Any,
    /// Stored once, by an exactly-once (idempotent) writer; a reader may be handed it again.
    #[default]
    Stored,
    /// Stored once and delivered once to each reader, or in a group to one of them.
    Delivered,
}
