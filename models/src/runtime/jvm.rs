//! A Java virtual machine: allocation, collections that stop the world, warm-up.
//!
//! Stands for HotSpot @ JDK 17 with G1. Garbage fills eden, a full eden is a young collection,
//! which stops all threads and takes the process's collector threads a fixed time and so much for
//! what survives. Eden is as large as the pause's target allows by the pauses so far, between 5 %
//! and 60 % of the heap (`G1Policy`, `G1Predictions`): one that took too long makes the next come
//! soon.
//! What lives long fills the old generation: beyond 45 % of the heap it is marked beside the
//! program, on a thread of its own; what was garbage in it is free again after that. A heap that is
//! full is compacted with the world standing still, and if what lives does not fit, the process
//! ends.
//!
//! Parameters: [`Config`]. Left out: humongous objects, mixed collections (their work is that of
//! marking), reference processing, safepoints for other reasons.

use headwater_sim::context::Context;
use headwater_sim::distribution::Distribution;
use headwater_sim::effect::PoolId;
use headwater_sim::machine::PoolSpec;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::Bytes;
use rand::distr::Distribution as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::signals;
use super::warm_up::{self, WarmUp};
use crate::protocol::Streaming;
use crate::wait::Without;

/// Options of a JVM, and what its collector's work costs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend(
    "x-source" = "HotSpot @ JDK 17; bin/kafka-server-start.sh @ apache/kafka 3.9; measured, \
                  docs/VALIDATION.md"
))]
pub struct Config {
    /// `-Xmx` and `-Xms`.
    pub heap: Bytes,
    /// `-XX:MaxGCPauseMillis`, in milliseconds.
    #[serde(rename = "max.gc.pause.millis")]
    pub max_gc_pause_millis: u64,
    /// What the process holds before it has served anybody.
    pub resident: Bytes,
    /// Its first life begins with compiled code; a later one never does.
    pub warm: bool,
    /// CPU time of a start, from the start of the process until it looks at what the disk holds, in
    /// milliseconds: classes are loaded, and all code is interpreted. Not of the first life. Zero
    /// where nobody has measured it.
    pub start_ms: u64,
    /// CPU time of a young collection from which nothing survives, in microseconds.
    pub young_collection_us: u64,
    /// The same of the shortest: what they take beyond it is exponential. Zero: they take the same.
    pub young_collection_least_us: u64,
    /// CPU time to copy a KiB that survives, or to mark one that lives, in nanoseconds.
    pub survivor_kib_ns: u64,
}

impl Default for Config {
    /// Kafka's options (`bin/kafka-server-start.sh`, `bin/kafka-run-class.sh` @ 3.9: `-Xmx1G`,
    /// `MaxGCPauseMillis=20`). Measured on Kafka 3.9.2 with that heap on two cores, as
    /// docs/VALIDATION.md says: 156 MB after each collection, pauses of 8 to 17 ms on two threads
    /// with next to no survivors. Copying a gigabyte takes a core about a second.
    fn default() -> Self {
        Self {
            heap: Bytes::from_gib(1),
            max_gc_pause_millis: 20,
            resident: Bytes::from_mib(156),
            warm: true,
            start_ms: 0,
            young_collection_us: 16_000,
            young_collection_least_us: 0,
            survivor_kib_ns: 1_000,
        }
    }
}

impl Config {
    /// What is wrong with it, if anything: which option, and why.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if self.heap < Bytes::from_mib(32) {
            return Err(("heap", "a JVM of these systems needs 32 MiB at least".into()));
        }
        if self.resident.0 > self.heap.0 / 10 * 9 {
            return Err(("resident", "what is held from the start must leave a tenth".into()));
        }
        if self.max_gc_pause_millis == 0 {
            return Err(("max.gc.pause.millis", "a pause takes 1 ms at least".into()));
        }
        if self.young_collection_least_us > self.young_collection_us {
            let message = "the shortest is no longer than their mean, young_collection_us";
            return Err(("young_collection_least_us", message.into()));
        }
        Ok(())
    }
}

/// Percent of the heap that eden has at the least and at the most (`G1NewSizePercent`,
/// `G1MaxNewSizePercent`).
const EDEN_PERCENT: [u64; 2] = [5, 60];
/// Percent of the heap from which on the old generation is marked
/// (`InitiatingHeapOccupancyPercent`).
const MARK_PERCENT: u64 = 45;

/// Share of a pause that does not depend on eden: of Kafka's brokers, by the edens that followed
/// pauses of 12 to 29 ms (docs/VALIDATION.md).
const BASE: f64 = 0.8;
/// How much the last pause counts for (`AbsSeq`), and how many deviations are added to the mean
/// (`G1ConfidencePercent`).
const LAST: f64 = 0.3;
const DEVIATIONS: f64 = 0.5;

/// What G1 expects of a quantity.
#[derive(Clone, Copy, Debug, Default)]
struct Expected {
    mean: f64,
    variance: f64,
}

impl Expected {
    fn add(&mut self, sample: f64) {
        let known = self.mean > 0.0;
        self.mean = if known { LAST * sample + (1.0 - LAST) * self.mean } else { sample };
        let off = sample - self.mean;
        self.variance = LAST * off * off + (1.0 - LAST) * self.variance;
    }

    fn value(&self) -> f64 {
        self.mean + DEVIATIONS * libm::sqrt(self.variance)
    }
}

impl Config {
    /// What turns its collections off, if there are any: its options stand under `jvm`.
    pub fn without_collections(&self) -> Option<Without> {
        let options = [
            ("jvm.young_collection_us", "0"),
            ("jvm.young_collection_least_us", "0"),
            ("jvm.survivor_kib_ns", "0"),
        ];
        (self.young_collection_us > 0).then(|| Without::new("gc", &options))
    }

    /// CPU time of a young collection from which nothing survives.
    fn young_collection(&self, ctx: &mut Context<'_, Streaming>) -> Duration {
        let mean = Duration::from_micros(self.young_collection_us);
        if self.young_collection_least_us == 0 {
            return mean;
        }
        let floor = Duration::from_micros(self.young_collection_least_us);
        let beyond = mean.saturating_sub(floor);
        Distribution::Exponential { floor, mean: beyond }.sample(ctx.random())
    }

    /// Bytes that eden has at the least and at the most.
    fn eden(&self) -> [u64; 2] {
        EDEN_PERCENT.map(|percent| self.heap.0 / 100 * percent)
    }
}

/// What comes back under the tags of a JVM.
const COLLECTED: u64 = 2;
const MARKED: u64 = 3;
const COMPACTED: u64 = 4;

/// Pools that a JVM adds to those of its process: two of compilers, and one that marks.
pub fn pools(cores: u32) -> [PoolSpec; 3] {
    let [c1, c2] = warm_up::compilers(cores);
    let pool = PoolSpec::named;
    [
        pool("C1 CompilerThread", c1).role("jvm-compiler-c1"),
        pool("C2 CompilerThread", c2).role("jvm-compiler-c2"),
        pool("G1 Conc", 1).role("jvm-concurrent-gc"),
    ]
}

/// The pools of its compilers.
const fn compilers(first_pool: u8) -> [PoolId; 2] {
    [PoolId(first_pool), PoolId(first_pool + 1)]
}

/// What happened that an observer may want to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The world stood still for so long.
    Paused(Duration),
    /// What lives does not fit into the heap: the process has to end.
    OutOfMemory,
}

/// The JVM of a process.
#[derive(Debug)]
pub struct Jvm {
    config: Config,
    threads: u32,
    /// The first of its [`pools`].
    first_pool: u8,
    code: WarmUp,
    eden: u64,
    /// Of eden.
    used: u64,
    /// Of `used`, what will survive.
    held_young: u64,
    live: u64,
    /// Old, and not yet found to be garbage.
    dead: u64,
    paused_at: Option<Time>,
    /// Of a pause, in nanoseconds: what does not depend on eden, and what a byte of it takes.
    base: Expected,
    byte: Expected,
    marking: bool,
}

impl Jvm {
    /// The JVM of a process on so many cores, whose own pools end before `first_pool`, in its first
    /// life.
    pub fn new(config: &Config, cores: u32, first_pool: u8) -> Self {
        let compilers = compilers(first_pool);
        let warm = config.warm;
        let [least, most] = config.eden();
        // One that has run for a while has an eden anywhere between the two, by ratio, and is
        // somewhere between two collections.
        let usual = libm::sqrt(least as f64 * most as f64) as u64;
        Self {
            // `ParallelGCThreads`: one a core up to eight, then five for eight.
            threads: if cores <= 8 { cores.max(1) } else { 8 + (cores - 8) * 5 / 8 },
            first_pool,
            code: if warm { WarmUp::warm(compilers) } else { WarmUp::cold(compilers) },
            eden: if warm { usual } else { least },
            used: if warm { usual / 2 } else { 0 },
            held_young: 0,
            live: config.resident.0,
            dead: 0,
            paused_at: None,
            base: Expected::default(),
            byte: Expected::default(),
            marking: false,
            config: config.clone(),
        }
    }

    /// This is not the first life of its process: nothing is compiled.
    pub fn begin_cold(&mut self) {
        self.code = WarmUp::cold(compilers(self.first_pool));
        [self.eden, _] = self.config.eden();
        self.used = 0;
    }

    /// CPU time of a start.
    pub const fn start(&self) -> Duration {
        Duration::from_millis(self.config.start_ms)
    }

    /// What work of `cost` takes at present.
    #[inline]
    pub fn cost(&self, cost: Duration) -> Duration {
        self.code.cost(cost)
    }

    /// A request is being worked on, which leaves `garbage` bytes behind. `tag`: of what comes back
    /// to [`Self::done`].
    #[inline]
    pub fn request(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        garbage: u64,
        tag: impl Fn(u64) -> u64,
    ) {
        self.code.request(ctx, &tag);
        self.used += garbage;
        if self.used >= self.eden && self.paused_at.is_none() {
            self.collect(ctx, tag);
        }
    }

    /// The process holds so many bytes more, until it releases them.
    pub fn hold(&mut self, bytes: u64) {
        self.used += bytes;
        self.held_young += bytes;
    }

    /// The process has let go of so many bytes that it held.
    pub fn release(&mut self, bytes: u64) {
        let young = self.held_young.min(bytes);
        self.held_young -= young;
        let old = (bytes - young).min(self.live - self.config.resident.0);
        self.live -= old;
        self.dead += old;
    }

    /// Bytes of the heap that are in use.
    pub const fn in_use(&self) -> u64 {
        self.live + self.dead + self.used
    }

    fn collect(&mut self, ctx: &mut Context<'_, Streaming>, tag: impl Fn(u64) -> u64) {
        self.paused_at = Some(ctx.now());
        // Too little would be left.
        let [least, _] = self.config.eden();
        let full = self.live + self.dead + self.held_young + 2 * least > self.config.heap.0;
        let (moved, kind) = match full {
            true => (self.live + self.held_young, COMPACTED),
            false => (self.held_young, COLLECTED),
        };
        let moving = Duration(self.config.survivor_kib_ns * (moved >> 10));
        let work = self.config.young_collection(ctx) + moving;
        ctx.stop_the_world(work, self.threads, tag(kind));
    }

    /// Work of the JVM is done, under the number that a tag was made of.
    pub fn done(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        number: u64,
        tag: impl Fn(u64) -> u64,
    ) -> Option<Event> {
        match number {
            COLLECTED | COMPACTED => self.go_on(ctx, number == COMPACTED, tag),
            MARKED => {
                self.marking = false;
                self.dead = 0;
                None
            }
            compiler => {
                self.code.compiled(compiler);
                None
            }
        }
    }

    /// The same for a process that tells of it, and ends when its heap is full.
    pub fn done_in_process(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        number: u64,
        tag: impl Fn(u64) -> u64,
    ) {
        match self.done(ctx, number, tag) {
            Some(Event::Paused(pause)) => signals::GC_PAUSE.note(ctx, 0, pause.0 / 1_000),
            Some(Event::OutOfMemory) => {
                signals::OUT_OF_MEMORY.note(ctx, 0, self.in_use());
                ctx.exit();
            }
            None => {}
        }
    }

    fn go_on(
        &mut self,
        ctx: &mut Context<'_, Streaming>,
        compacted: bool,
        tag: impl Fn(u64) -> u64,
    ) -> Option<Event> {
        let pause = ctx.now().since(self.paused_at.take()?);
        self.live += std::mem::take(&mut self.held_young);
        self.used = 0;
        if compacted {
            self.dead = 0;
        }
        let heap = self.config.heap.0;
        let [least, most] = self.config.eden();
        if self.live + least > heap {
            return Some(Event::OutOfMemory);
        }
        self.base.add(pause.0 as f64 * BASE);
        self.byte.add(pause.0 as f64 * (1.0 - BASE) / self.eden as f64);
        let target = self.config.max_gc_pause_millis as f64 * 1e6;
        let wanted = (target - self.base.value()) / self.byte.value().max(f64::MIN_POSITIVE);
        let wanted = (wanted as u64).clamp(least, most);
        self.eden = wanted.min(heap - self.live - self.dead.min(heap - self.live - least));
        if !self.marking && self.live + self.dead > heap / 100 * MARK_PERCENT {
            self.marking = true;
            let work = self.config.survivor_kib_ns * (self.live >> 10);
            ctx.compute(PoolId(self.first_pool + 2), Duration(work), tag(MARKED));
        }
        Some(Event::Paused(pause))
    }
}
