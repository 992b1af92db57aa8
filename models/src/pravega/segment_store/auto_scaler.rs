//! The auto-scaler of a store: it measures what its segments are written, and asks the controller
//! to split those that have too much and to merge those that have too little.
//!
//! Stands for `SegmentStatsRecorderImpl` and `AutoScaleProcessor` @ v0.13.0. A segment's averages
//! are looked at when it is written, every two minutes at the most, once the cool-down since it was
//! made is over; a request mutes those that would follow. A segment to which nothing is written for
//! as long as its entry lives is reported as idle for good. All of it is in memory: what a store
//! that has just taken a container over knows of it begins with the next append.
//!
//! Parameters: [`ScalingPolicy`], `autoScale.*` of [`crate::pravega::config::SegmentStore`], in s.
//! There is none where the policy is fixed. Left out: the request stream: a request goes to the
//! controller, and goes again until that has put it down; CPU time of the pool.

use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use crate::collections::SortedVecMap;
use crate::pravega::config::{Cluster, ScalingPolicy};
use crate::pravega::container::host::Task;
use crate::pravega::container::{Appender, Phase};
use crate::pravega::message::{Message, ScaleRequest};
use crate::pravega::node::Ctx;
use crate::pravega::segment::SegmentId;
use crate::protocol::Message as AnyMessage;

use super::SegmentStore;
use super::aggregates::{Aggregates, Rates};

/// `DEFAULT_EXPIRY_DURATION` of `SegmentStatsRecorderImpl`.
const STATISTICS_EXPIRY: Duration = Duration::from_secs(20 * 60);
/// `TWENTY_MINUTES` of `AutoScaleProcessor`, ms.
const TWENTY_MINUTES_MS: u64 = 20 * 60 * 1_000;
/// How long an average has to be there until it counts, ms: that over 2, 5 and 10 minutes, and how
/// many times the target it must be above.
const HOT: [(u64, f64); 3] = [(120_000, 5.0), (300_000, 2.0), (600_000, 1.0)];

/// How often a request goes again that the controller has not put down. The client that writes it
/// to the request stream backs off from 1 ms to 20 s (`EventWriterConfig`); here a value between.
const RETRY: Duration = Duration::from_secs(5);

/// What is known of a segment's load.
#[derive(Debug)]
struct Statistics {
    aggregates: Aggregates,
    used: Time,
}

/// When a segment was last asked for, ms; from then on further requests are mute.
#[derive(Clone, Copy, Debug)]
struct Requested {
    up_ms: Option<u64>,
    down_ms: Option<u64>,
    used: Time,
}

/// The auto-scaler.
#[derive(Debug)]
pub(super) struct AutoScaler {
    policy: ScalingPolicy,
    cooldown_ms: u64,
    mute_ms: u64,
    expiry: Duration,
    controller: NodeId,
    statistics: SortedVecMap<SegmentId, Statistics>,
    requested: SortedVecMap<SegmentId, Requested>,
    /// Not put down yet, by number.
    requests: SortedVecMap<u64, ScaleRequest>,
    numbers: u64,
}

fn millis(at: Time) -> u64 {
    at.as_nanos() / 1_000_000
}

impl AutoScaler {
    /// Of a store whose stream is scaled by its load; none otherwise.
    pub(super) fn of(cluster: &Cluster, controller: NodeId) -> Option<Self> {
        let options = &cluster.segment_store;
        cluster.scaling_policy.scales().then(|| Self {
            policy: cluster.scaling_policy,
            cooldown_ms: options.auto_scale_cooldown_seconds * 1_000,
            mute_ms: options.auto_scale_mute_seconds * 1_000,
            expiry: Duration::from_secs(options.auto_scale_expiry_seconds),
            controller,
            statistics: SortedVecMap::default(),
            requested: SortedVecMap::default(),
            requests: SortedVecMap::default(),
            numbers: 0,
        })
    }

    /// A segment was made here (`createSegment`, `notifyCreated`).
    pub(super) fn created(&mut self, now: Time, segment: SegmentId) {
        let at = Some(millis(now));
        self.statistics.insert(segment, self.fresh(now));
        self.requested.insert(segment, Requested { up_ms: at, down_ms: at, used: now });
    }

    /// A segment was sealed here.
    pub(super) fn sealed(&mut self, segment: SegmentId) {
        self.statistics.remove(&segment);
        self.requested.remove(&segment);
    }

    fn fresh(&self, now: Time) -> Statistics {
        let aggregates = Aggregates::new(self.policy.scale_type, millis(now));
        Statistics { aggregates, used: now }
    }

    /// An append was acknowledged. The first of a segment that is not known only has it looked up
    /// (`loadAsynchronously`).
    pub(super) fn appended(
        &mut self,
        ctx: &mut Ctx<'_>,
        segment: SegmentId,
        bytes: u64,
        events: u64,
    ) {
        let now = ctx.now();
        let known = self.statistics.get_mut(&segment);
        let Some(known) = known.filter(|known| now.since(known.used) <= STATISTICS_EXPIRY) else {
            let fresh = self.fresh(now);
            self.statistics.insert(segment, fresh);
            return;
        };
        known.used = now;
        known.aggregates.update(millis(now), bytes, events);
        let started_ms = known.aggregates.started_ms;
        if let Some(rates) = known.aggregates.report(millis(now)) {
            self.report(ctx, segment, started_ms, rates);
        }
    }

    /// `AutoScaleProcessor.report`.
    fn report(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId, started_ms: u64, rates: Rates) {
        self.look_up(ctx, segment);
        let target = f64::from(self.policy.target_rate);
        let age = millis(ctx.now()) - started_ms;
        if age <= self.cooldown_ms {
            return;
        }
        let [two, five, ten, twenty] = rates;
        let is_hot =
            |(rate, (least, times)): (f64, (u64, f64))| rate > times * target && age > least;
        if rates.into_iter().zip(HOT).any(is_hot) {
            let highest = two.max(five).max(ten);
            self.scale_up(ctx, segment, ((highest / target) as u32).max(2));
        }
        let is_cold = two < target && five < target && ten < target && twenty < target / 2.0;
        if is_cold && age > TWENTY_MINUTES_MS {
            self.scale_down(ctx, segment, false);
        }
    }

    /// When a segment was last asked for. Its entry lives on.
    fn look_up(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId) -> Option<Requested> {
        let (now, expiry) = (ctx.now(), self.expiry);
        let found = self.requested.get_mut(&segment)?;
        if now.since(found.used) > expiry {
            self.expire(ctx);
            return None;
        }
        found.used = now;
        Some(*found)
    }

    fn is_mute(&self, now_ms: u64, since_ms: Option<u64>) -> bool {
        since_ms.is_some_and(|since| now_ms - since <= self.mute_ms)
    }

    fn scale_up(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId, splits: u32) {
        let (at_ms, last) = (millis(ctx.now()), self.look_up(ctx, segment));
        if !self.is_mute(at_ms, last.and_then(|last| last.up_ms)) {
            self.request(ctx, ScaleRequest { segment, splits, silent: false, at_ms });
        }
    }

    fn scale_down(&mut self, ctx: &mut Ctx<'_>, segment: SegmentId, silent: bool) {
        let (at_ms, last) = (millis(ctx.now()), self.look_up(ctx, segment));
        if !self.is_mute(at_ms, last.and_then(|last| last.down_ms)) {
            self.request(ctx, ScaleRequest { segment, splits: 0, silent, at_ms });
        }
    }

    fn request(&mut self, ctx: &mut Ctx<'_>, what: ScaleRequest) {
        self.numbers += 1;
        self.requests.insert(self.numbers, what);
        self.send(ctx, self.numbers, what);
    }

    fn send(&self, ctx: &mut Ctx<'_>, request: u64, what: ScaleRequest) {
        ctx.send(self.controller, AnyMessage::Pravega(Message::ScaleRequested { request, what }));
    }

    /// Sends again what the controller has not put down.
    pub(super) fn send_again(&self, ctx: &mut Ctx<'_>) {
        self.requests.iter().for_each(|(request, what)| self.send(ctx, *request, *what));
    }

    /// The controller has put a request down: those that would follow are mute for a while.
    pub(super) fn put_down(&mut self, now: Time, request: u64) {
        let Some(what) = self.requests.remove(&request) else { return };
        let (at, segment) = (Some(what.at_ms), what.segment);
        if what.is_up() {
            self.requested.insert(segment, Requested { up_ms: at, down_ms: at, used: now });
        } else if !what.silent {
            self.requested.insert(segment, Requested { up_ms: None, down_ms: at, used: now });
        }
    }

    /// Segments to which nothing was written for so long are idle for good
    /// (`SimpleCache.cleanUp`).
    pub(super) fn expire(&mut self, ctx: &mut Ctx<'_>) {
        let (now, expiry) = (ctx.now(), self.expiry);
        self.statistics.retain(|_, known| now.since(known.used) <= STATISTICS_EXPIRY);
        let mut idle = Vec::new();
        self.requested.retain(|segment, entry| {
            let stays = now.since(entry.used) <= expiry;
            if !stays {
                idle.push(*segment);
            }
            stays
        });
        idle.into_iter().for_each(|segment| self.scale_down(ctx, segment, true));
    }
}

impl SegmentStore {
    /// The controller wants a segment to be there. It is as soon as somebody appends to it; what
    /// begins is the count of what is written to it.
    pub(super) fn create_segment(
        &mut self,
        ctx: &mut Ctx<'_>,
        from: NodeId,
        segment: SegmentId,
        request: u64,
    ) {
        let container = self.containers.get(&self.containers_of.of(segment));
        let created =
            self.stream_exists && container.is_some_and(|one| one.phase == Phase::Running);
        if let Some(scaler) = self.auto_scaler.as_mut().filter(|_| created) {
            scaler.created(ctx.now(), segment);
        }
        ctx.send(from, AnyMessage::Pravega(Message::SegmentCreated { request, created }));
    }

    /// An append was acknowledged.
    pub(super) fn record_append(&mut self, ctx: &mut Ctx<'_>, appender: &Appender) {
        if let Some(scaler) = &mut self.auto_scaler {
            scaler.appended(ctx, appender.connection.segment, appender.bytes, appender.events);
        }
    }

    /// The controller has put down a request of this store.
    pub(super) fn scale_request_taken(&mut self, ctx: &Ctx<'_>, request: u64) {
        if let Some(scaler) = &mut self.auto_scaler {
            scaler.put_down(ctx.now(), request);
        }
    }

    /// Looks for idle segments, now and every so often.
    pub(super) fn clean_up_statistics(&mut self, ctx: &mut Ctx<'_>) {
        let Some(scaler) = &mut self.auto_scaler else { return };
        scaler.expire(ctx);
        let period = self.spec.cluster.segment_store.auto_scale_clean_up_seconds;
        let tag = self.tasks.add(Task::AutoScalerCleanUp);
        ctx.timer(Duration::from_secs(period), tag);
    }

    /// Sends requests again, now and every so often.
    pub(super) fn request_scales_again(&mut self, ctx: &mut Ctx<'_>) {
        let Some(scaler) = &self.auto_scaler else { return };
        scaler.send_again(ctx);
        let tag = self.tasks.add(Task::AutoScalerRetry);
        ctx.timer(RETRY, tag);
    }
}
