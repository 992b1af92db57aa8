//! Apache BookKeeper 4.15: bookies, the client's ledger handle, recovery, and the metadata service.
//!
//! Nodes: [`bookie::Bookie`], [`metadata::service::MetadataService`]. Everything on the client's
//! side is a *component*: a state machine that a node embeds, hands its inputs, and gets events
//! from.
//!
//! # Embedding a component
//!
//! A component is made with a [`TagSpace`](crate::tags::TagSpace) of its own (`TagSpace::new(n)`, n
//! from 1). The node's own timers, completions and requests use tags below 2^32 (number 0). Inputs
//! are routed by tag:
//!
//! - `on_message(from, message)`: if `message.reply_tag()` is `Some(tag)`, it belongs to component
//!   number `TagSpace::number_of(tag)`; hand it that message. Handing it to every component is
//!   right too: each ignores what isn't its own.
//! - `on_timer(tag)`: to the component number `TagSpace::number_of(tag)`.
//! - `on_disconnect(peer)`: to every component.
//! - All three as a [`input::Input`], to [`Component::on`](crate::component::Component::on).
//! - Components ask for no disk. A ledger handle asks for CPU time where the client's threads cost
//!   something, on pools that the node has for them ([`client_threads`]): `on_completion(tag)` goes
//!   to the component number `TagSpace::number_of(tag)` as a timer with that tag does. What else
//!   the client takes the embedding node charges.
//!
//! Each call returns a `Vec` of events (empty vectors cost nothing).
//!
//! ```text
//! // Writes one ledger. Entry ids count up from 0 without a gap; acks come in that order.
//! LedgerHandle::create(ctx, HandleSpec { metadata: NodeId, ledger: config::Ledger,
//!                                        client: config::Client, tags: TagSpace,
//!                                        pools: ClientPools }) -> LedgerHandle
//! handle.id() -> Option<LedgerId>                 // known from HandleEvent::Created on
//! handle.add(ctx, Payload) -> Result<EntryId, LedgerError>   // also before Created: it waits
//! handle.close(ctx)                               // after the pending adds; ends with Closed
//! handle.last_add_confirmed() -> EntryId; handle.pending_entries(); handle.pending_bytes();
//! handle.failure() -> Option<LedgerError>
//! handle.on(ctx, Input) -> Vec<HandleEvent>
//! HandleEvent::{Created { ledger },
//!               Added { entry: EntryId, payload: Rc<Payload> },
//!               // the handle is dead after this one
//!               Failed { error: LedgerError, entries: Vec<(EntryId, Rc<Payload>)> },
//!               Closed { last: EntryId }}
//! LedgerError::{NotEnoughBookies, Fenced, Closed, Metadata, TooManyEnsembleChanges, ..}
//!
//! // Opens somebody else's ledger for reading after fencing it (openLedger with recovery).
//! LedgerRecovery::start(ctx, RecoverySpec { metadata, ledger: LedgerId, client, tags })
//! recovery.on(ctx, Input) -> Vec<RecoveryEvent>
//! RecoveryEvent::{Recovered { metadata: LedgerMetadata, last: EntryId }, Failed { error }}
//!
//! // Reads entries of a ledger whose metadata is known, in order, `window` at a time.
//! LedgerReader::start(ctx, ReaderSpec { ledger, metadata: LedgerMetadata, first, last, window,
//!                                       client, tags }) -> (LedgerReader, Vec<ReaderEvent>)
//! reader.on(ctx, Input) -> Vec<ReaderEvent>
//! ReaderEvent::{Entry(SharedEntry), Finished, Failed { entry, error }}
//!
//! // Talks to the metadata service: sessions, ephemeral records, compare-and-set, watches.
//! MetadataClient::new(service: NodeId, tags, session_timeout: Duration /* zero: no session */)
//! client.start(ctx)                               // opens the session, then pings by itself
//! client.request(ctx, Operation) -> u64           // resent until answered
//! client.close(ctx)                               // clean end of the session
//! client.on(ctx, Input) -> Vec<MetadataEvent>
//! MetadataEvent::{SessionOpened(SessionId), SessionExpired, SessionClosed,
//!                 Reply { request: u64, result: Result<MetadataResponse, MetadataError> },
//!                 Changed { request: u64, path: Path }}
//! ```
//!
//! Records live at `Path::new("directory", number)`, hold `Value::Words(Vec<u64>)` or ledger
//! metadata, and have a `Version` for compare-and-set (see [`metadata::message`]). A ledger is
//! deleted by deleting its record `Path::new(LEDGERS, id)`; bookies collect it later.
//!
//! Parameters and what is left out stand in each component's own file. Left out as a whole:
//! placement by rack, `DbLedgerStorage`, TLS.

pub mod auto_recovery;
pub mod bookie;
pub mod client_threads;
pub mod config;
pub mod costs;
pub mod deploy;
pub mod distribution_schedule;
pub mod ensemble_placement;
pub mod entry;
pub mod folded;
pub mod ids;
pub mod input;
pub mod journal;
pub mod ledger_handle;
pub mod ledger_index;
pub mod ledger_metadata;
pub mod ledger_reader;
pub mod ledger_recovery;
pub mod ledger_storage;
pub mod message;
pub mod metadata;
pub mod pending_adds;
pub mod properties;
pub mod rate_limiter;
pub mod reader;
pub mod record;
pub mod signals;
pub mod system;
pub mod waits;
pub mod writer;
