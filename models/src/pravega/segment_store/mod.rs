//! The segment store: a process that runs containers behind a front end for writers and readers.
//!
//! Stands for `ServiceStarter`, `StreamSegmentStore`, `StreamSegmentContainerRegistry`,
//! `ZKSegmentContainerMonitor` @ v0.13.0. A store that loses its session registers anew and runs
//! its containers on, until the map gives them to another or their logs are fenced. One that is
//! asked to stop ends its containers and takes its registration away before it goes. Thread pools:
//! [`crate::pravega::container::host`]. Left out: REST, health, metrics.
//!
//! Parameters: [`crate::pravega::config::SegmentStore`], [`crate::pravega::config::Costs`].

use std::collections::VecDeque;
use std::rc::Rc;

use headwater_sim::fold::{Folding, Needs};
use headwater_sim::node::{Completion, Node};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use crate::bookkeeper::input::Input;
use crate::bookkeeper::signals::UNANSWERED_BYTES;
use crate::collections::SortedVecMap;
use crate::pravega::cache::Cache;
use crate::pravega::config::DataLogKind;
use crate::pravega::container::host::{ContainerEvent, Env, JVM_POOL, Task, Tasks};
use crate::pravega::container::id::ContainerId;
use crate::pravega::container::read_index::ReadRequest;
use crate::pravega::container::{Container, Phase};
use crate::pravega::data_log::{DataLog, bookkeeper_log, in_memory};
use crate::pravega::message::{CloseReason, Message};
use crate::pravega::node::{Ctx, Spec};
use crate::pravega::segment::SegmentId;
use crate::pravega::signals;
use crate::pravega::waits::{self, JVM_TAGS};
use crate::pravega::writer::routing::Containers;
use crate::protocol::{Message as AnyMessage, Record, Streaming};
use crate::runtime::jvm::Jvm;
use crate::tags::TagSpace;

use self::append_processor::AppendProcessor;
use self::auto_scaler::AutoScaler;
use self::ownership::Ownership;
use self::statistics::Recorder;

mod aggregates;
mod append_processor;
mod auto_scaler;
mod connection;
pub(crate) mod ownership;
mod statistics;
mod truncation;

/// How often levels are reported.
const GAUGE_PERIOD: Duration = Duration::from_millis(250);

/// The node.
#[derive(Debug)]
pub struct SegmentStore {
    spec: Spec,
    cache: Cache,
    tasks: Tasks,
    containers: SortedVecMap<ContainerId, Container>,
    containers_of: Containers,
    appends: AppendProcessor,
    ownership: Ownership,
    to_start: VecDeque<ContainerId>,
    instances: u32,
    events: Vec<ContainerEvent>,
    jvm: Jvm,
    /// None where the stream is not scaled by its load.
    auto_scaler: Option<AutoScaler>,
    recorder: Recorder,
    /// False in a process that has lost the stream with its memory.
    stream_exists: bool,
}

impl SegmentStore {
    /// A store that has just been started, on a machine of so many cores.
    pub fn new(spec: Spec, cores: u32) -> Self {
        let cluster = Rc::clone(&spec.cluster);
        Self {
            cache: Cache::new(&cluster.segment_store),
            tasks: Tasks::default(),
            containers: SortedVecMap::default(),
            containers_of: Containers::new(&cluster),
            appends: AppendProcessor::new(
                &cluster.segment_store,
                cluster.writer.socket_buffer_bytes,
            ),
            ownership: Ownership::new(&spec),
            to_start: VecDeque::new(),
            instances: 0,
            events: Vec::new(),
            jvm: Jvm::new(&cluster.jvm, cores, JVM_POOL),
            auto_scaler: AutoScaler::of(&cluster, spec.controller),
            recorder: Recorder::default(),
            stream_exists: true,
            spec,
        }
    }

    /// What a container may use of the store, where no container is at hand.
    fn env<'e, 'c>(&'e mut self, ctx: &'e mut Ctx<'c>) -> Env<'e, 'c> {
        Env {
            ctx,
            cache: &mut self.cache,
            jvm: &mut self.jvm,
            tasks: &mut self.tasks,
            spec: &self.spec,
            events: &mut self.events,
        }
    }

    /// Lets a container act, then acts on its events.
    fn with_container(
        &mut self,
        ctx: &mut Ctx<'_>,
        id: ContainerId,
        act: impl FnOnce(&mut Container, &mut Env<'_, '_>),
    ) {
        let Some(container) = self.containers.get_mut(&id) else { return };
        let mut env = Env {
            ctx,
            cache: &mut self.cache,
            jvm: &mut self.jvm,
            tasks: &mut self.tasks,
            spec: &self.spec,
            events: &mut self.events,
        };
        act(container, &mut env);
        self.settle(ctx);
    }

    fn settle(&mut self, ctx: &mut Ctx<'_>) {
        while !self.events.is_empty() {
            let mut events = std::mem::take(&mut self.events);
            for event in events.drain(..) {
                match event {
                    ContainerEvent::Appended { appender, event_number } => {
                        let cost = self.spec.cluster.costs.reply(0);
                        let task = Task::Acknowledge { appender, event_number };
                        self.on_event_loop(ctx, cost, task);
                        self.record(ctx);
                    }
                    ContainerEvent::Rejected { appender, reason } => {
                        self.appends.reject(ctx, &appender, reason);
                    }
                    ContainerEvent::CacheFull { container } => {
                        let freed = self.apply_cache_policy(ctx);
                        self.with_container(ctx, container, |container, env| {
                            container.cache_cleaned(env, freed);
                        });
                    }
                    ContainerEvent::Started { .. } => self.start_next(ctx),
                    ContainerEvent::Sealed { segment } => {
                        if let Some(scaler) = &mut self.auto_scaler {
                            scaler.sealed(segment);
                        }
                    }
                    ContainerEvent::Stopped { container } => {
                        self.containers.remove(&container);
                        self.start_next(ctx);
                    }
                }
            }
            if self.events.is_empty() {
                self.events = events;
                return;
            }
        }
    }

    /// Runs what the store should run, and stops what it should not.
    fn reconcile(&mut self, ctx: &mut Ctx<'_>) {
        let assigned = self.ownership.assigned();
        let surplus: Vec<ContainerId> =
            self.containers.keys().copied().filter(|id| !assigned.contains(id)).collect();
        let missing = assigned.iter().copied().filter(|id| !self.containers.contains_key(id));
        self.to_start = missing.collect();
        for id in surplus {
            self.with_container(ctx, id, |container, env| container.stop(env));
        }
        self.start_next(ctx);
    }

    /// The process is asked to stop: its containers first, then its registration
    /// (`ServiceStarter.shutdown`, `ZKSegmentContainerManager.close` @ v0.13.0).
    fn leave(&mut self, ctx: &mut Ctx<'_>) {
        self.to_start.clear();
        self.ownership.leave(ctx);
        for id in self.ids() {
            self.with_container(ctx, id, |container, env| container.stop(env));
        }
    }

    fn start_next(&mut self, ctx: &mut Ctx<'_>) {
        let parallel = self.spec.cluster.segment_store.container_parallel_starts as usize;
        let starting = |store: &Self| {
            store.containers.values().filter(|one| one.phase == Phase::Starting).count()
        };
        while starting(self) < parallel
            && let Some(id) = self.to_start.pop_front()
        {
            self.start_container(ctx, id);
        }
    }

    fn start_container(&mut self, ctx: &mut Ctx<'_>, id: ContainerId) {
        if self.containers.contains_key(&id) || !self.ownership.assigned().contains(&id) {
            return;
        }
        self.instances += 1;
        let log = match self.spec.cluster.segment_store.data_log {
            DataLogKind::InMemory => DataLog::InMemory(in_memory::InMemoryLog::default()),
            DataLogKind::BookKeeper => DataLog::BookKeeper(Box::new(
                bookkeeper_log::BookKeeperLog::new(&self.spec, id, self.instances),
            )),
        };
        let container = Container::start(id, self.instances, log, &mut self.env(ctx));
        self.containers.insert(id, container);
    }

    fn on_task(&mut self, ctx: &mut Ctx<'_>, task: Task) {
        match task {
            Task::Container { id, instance, work } => {
                self.with_container(ctx, id, |container, env| {
                    if container.instance == instance {
                        container.on_work(env, work);
                    }
                });
            }
            Task::Send { to, message } => ctx.send(to, AnyMessage::Pravega(message)),
            Task::Decoded { from, append } => self.append_decoded(ctx, from, append),
            Task::Read { segment, request } => self.read_decoded(ctx, segment, request),
            Task::Acknowledge { appender, event_number } => {
                self.appends.acknowledge(ctx, &appender, event_number);
                self.read_connection(ctx, appender.connection);
                self.record_append(ctx, &appender);
            }
            Task::CacheGeneration => self.cache_generation(ctx),
            Task::Gauges => self.report_levels(ctx),
            Task::Monitor => {
                self.reconcile(ctx);
                let period = self.spec.cluster.segment_store.container_monitor_period_ms;
                let tag = self.tasks.add(Task::Monitor);
                ctx.timer_for(Duration::from_millis(period), tag, waits::MONITOR);
            }
            Task::AutoScalerCleanUp => self.clean_up_statistics(ctx),
            Task::AutoScalerRetry => self.request_scales_again(ctx),
            Task::Statistics => self.statistics_done(ctx),
            Task::Tier { .. } => unreachable!("answered by a message"),
        }
    }

    /// Once per generation the cache evicts what it may.
    fn cache_generation(&mut self, ctx: &mut Ctx<'_>) {
        if self.apply_cache_policy(ctx) {
            for id in self.ids() {
                self.with_container(ctx, id, |container, env| container.pressure_relieved(env));
            }
        }
        let tag = self.tasks.add(Task::CacheGeneration);
        ctx.timer_for(self.cache.generation_time(), tag, waits::EVICTION);
    }

    /// A generation has passed, or the cache is full (`CacheManager.applyCachePolicy`). True if
    /// something was evicted.
    fn apply_cache_policy(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let oldest =
            |store: &Self| store.containers.values().filter_map(Container::oldest_generation).min();
        let first = oldest(self).unwrap_or(u64::MAX);
        let mut before = self.cache.begin_generation(first);
        let mut relieved = false;
        while let Some(generation) = before {
            let mut freed = 0;
            for id in self.ids() {
                self.with_container(ctx, id, |container, env| {
                    freed += container.evict(env, generation);
                });
            }
            relieved |= freed > 0;
            let next = oldest(self).unwrap_or(u64::MAX);
            before = if freed > 0 { self.cache.evict_more(next) } else { None };
        }
        relieved
    }

    fn ids(&self) -> Vec<ContainerId> {
        self.containers.keys().copied().collect()
    }

    fn report_levels(&mut self, ctx: &mut Ctx<'_>) {
        let sum = |level: fn(&Container) -> u64| self.containers.values().map(level).sum::<u64>();
        signals::CACHE_USED.set(ctx, self.cache.used());
        signals::UNFLUSHED.set(ctx, sum(Container::unflushed_bytes));
        signals::OPERATION_LOG_LENGTH.set(ctx, sum(Container::operation_log_length));
        signals::OUTSTANDING_LOG.set(ctx, sum(Container::outstanding_log_bytes));
        UNANSWERED_BYTES.set(ctx, sum(Container::unanswered_bytes));
        if self.spec.cluster.retention_policy.retains() {
            signals::RETAINED.set(ctx, sum(Container::retained_bytes));
        }
        let tag = self.tasks.add(Task::Gauges);
        ctx.timer(GAUGE_PERIOD, tag);
    }

    fn on_pravega(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: Message) {
        match message {
            Message::SetupAppend(connection) => self.setup_append(ctx, from, connection),
            Message::Append(append) => self.append(ctx, from, append),
            Message::KeepAlive => {}
            Message::ReadSegment { segment, offset, length, request } => {
                self.read_segment(ctx, segment, ReadRequest { from, request, offset, length });
            }
            Message::ReadTable { segment, request } => self.read_table(ctx, from, segment, request),
            Message::SealSegment { segment, request } => {
                let id = self.containers_of.of(segment);
                if self.stream_exists && self.containers.contains_key(&id) {
                    self.with_container(ctx, id, |container, env| {
                        container.seal(env, segment, from, request);
                    });
                } else {
                    let message = Message::SegmentSealed { request, sealed: false };
                    ctx.send(from, AnyMessage::Pravega(message));
                }
            }
            Message::CreateSegment { segment, request } => {
                self.create_segment(ctx, from, segment, request);
            }
            Message::ScaleRequestTaken { request } => self.scale_request_taken(ctx, request),
            Message::Truncation(message) => self.on_truncation(ctx, from, message),
            other => unreachable!("a store is not sent {}", other.kind()),
        }
    }

    /// A table segment lies in a container like any other; what is in it is the clients' affair.
    fn read_table(&mut self, ctx: &mut Ctx<'_>, from: NodeId, segment: SegmentId, request: u64) {
        let container = self.containers.get(&self.containers_of.of(segment));
        let result = match container.map(|container| container.phase) {
            _ if !self.stream_exists => Err(CloseReason::NoSuchSegment),
            Some(Phase::Running) => Ok(()),
            Some(Phase::Starting | Phase::Stopped) => Err(CloseReason::Error),
            None => Err(CloseReason::WrongHost),
        };
        let message = Message::TableRead { request, result };
        self.allocate(ctx, 0);
        let costs = &self.spec.cluster.costs;
        let cost = Duration(costs.connection_read_ns) + costs.reply(0);
        self.on_event_loop(ctx, cost, Task::Send { to: from, message });
    }

    fn on_tier(&mut self, ctx: &mut Ctx<'_>, message: crate::tier::message::Message) {
        let crate::tier::message::Message::Reply { request, result } = message else { return };
        if let Some(Task::Tier { id, instance, work }) = self.tasks.take(request) {
            self.with_container(ctx, id, |container, env| {
                if container.instance == instance {
                    container.on_tier_reply(env, work, result);
                }
            });
        }
    }

    /// An input for the component of this number.
    fn on_component(&mut self, ctx: &mut Ctx<'_>, number: u32, input: Input<'_>) {
        if self.ownership.owns(number) {
            if self.ownership.on(ctx, input) {
                self.reconcile(ctx);
            }
        } else if let Some(id) = bookkeeper_log::container_of_tags(number) {
            self.with_container(ctx, id, |container, env| container.on_log_input(env, input));
        }
    }

    /// A request comes in, which carries so many bytes.
    fn allocate(&mut self, ctx: &mut Ctx<'_>, carried: u64) {
        let costs = &self.spec.cluster.costs;
        let percent = costs.carried_garbage_percent.saturating_add(100);
        let of_carried = carried.saturating_mul(percent) / 100;
        let garbage = costs.request_garbage_bytes.saturating_add(of_carried);
        self.jvm.request(ctx, garbage, |number| JVM_TAGS.tag(number));
    }
}

impl Node<Streaming> for SegmentStore {
    fn needs(&self, _files: &Folding<'_, Record>, needs: &mut Needs) {
        for container in self.containers.values() {
            match container.phase {
                Phase::Starting => needs.everything(),
                Phase::Running | Phase::Stopped => container.needs(needs),
            }
        }
    }

    fn fold(&mut self, _files: &mut Folding<'_, Record>, needs: &Needs) {
        self.containers.values_mut().for_each(|container| container.fold(needs));
    }

    fn on_start(&mut self, ctx: &mut Ctx<'_>) {
        // The stream is created as the deployment starts. What is in memory only, streams included,
        // is gone after a restart.
        let in_memory = self.spec.cluster.segment_store.data_log == DataLogKind::InMemory;
        self.stream_exists = !in_memory || ctx.now() == Time::ZERO;
        if ctx.now() > Time::ZERO {
            self.jvm.begin_cold();
        }
        let tag = self.tasks.add(Task::Gauges);
        ctx.timer(Duration::ZERO, tag);
        let tag = self.tasks.add(Task::CacheGeneration);
        ctx.timer_for(self.cache.generation_time(), tag, waits::EVICTION);
        self.ownership.start(ctx);
        self.on_task(ctx, Task::Monitor);
        if self.auto_scaler.is_some() {
            self.clean_up_statistics(ctx);
            self.request_scales_again(ctx);
        }
    }

    fn on_shutdown(&mut self, ctx: &mut Ctx<'_>) {
        self.leave(ctx);
    }

    fn on_message(&mut self, ctx: &mut Ctx<'_>, from: NodeId, message: AnyMessage) {
        match message {
            AnyMessage::Pravega(message) => self.on_pravega(ctx, from, message),
            AnyMessage::Tier(message) => self.on_tier(ctx, message),
            AnyMessage::BookKeeper(message) => {
                let Some(tag) = message.reply_tag() else { return };
                let number = TagSpace::number_of(tag);
                self.on_component(ctx, number, Input::Message(from, &message));
            }
            _ => {}
        }
    }

    fn on_timer(&mut self, ctx: &mut Ctx<'_>, tag: u64) {
        let number = TagSpace::number_of(tag);
        if number == 0 {
            if let Some(task) = self.tasks.take(tag) {
                self.on_task(ctx, task);
            }
        } else {
            self.on_component(ctx, number, Input::Timer(tag));
        }
    }

    fn on_completion(&mut self, ctx: &mut Ctx<'_>, tag: u64, _completion: Completion<Record>) {
        if JVM_TAGS.owns(tag) {
            let number = JVM_TAGS.low(tag);
            self.jvm.done_in_process(ctx, number, |number| JVM_TAGS.tag(number));
        } else if TagSpace::number_of(tag) != 0 {
            self.on_component(ctx, TagSpace::number_of(tag), Input::Timer(tag));
        } else if let Some(task) = self.tasks.take(tag) {
            self.on_task(ctx, task);
        }
    }

    fn on_disconnect(&mut self, ctx: &mut Ctx<'_>, peer: NodeId) {
        self.appends.peer_gone(peer);
        if self.ownership.on(ctx, Input::Disconnect(peer)) {
            self.reconcile(ctx);
        }
        for id in self.ids() {
            self.with_container(ctx, id, |container, env| {
                container.reader_gone(peer);
                container.on_disconnect(env, peer);
            });
        }
    }
}
