//! A Java virtual machine: allocation, collections that stop the world, warm-up.
//!
//! Stands for HotSpot @ JDK 17. Garbage fills eden, a full eden is a young collection, which stops
//! all threads and takes the collector's a fixed time and so much for what survives, which is
//! copied again each time until it is old (`young`).
//! With G1 eden is as large as the pause's target allows by the pauses so far, between 5 % and 60 %
//! of the heap (`g1`): one that took too long makes the next come soon. What lives long fills the
//! old generation: beyond 45 % of the heap it is marked beside the program, on a thread of its own;
//! what was garbage in it is free again after that.
//! With the serial collector, which HotSpot takes where it has one core, eden is eight tenths of a
//! third of the heap, one thread collects, and nothing is marked.
//! A heap that is full is compacted with the world standing still, and if what lives does not fit,
//! the process ends.
//!
//! Parameters: [`Config`]. Left out: humongous objects, mixed collections (their work is that of
//! marking), reference processing, safepoints for other reasons, fresh pages of an old generation
//! that grows.

use headwater_sim::context::Context;
use headwater_sim::distribution::Distribution;
use headwater_sim::effect::PoolId;
use headwater_sim::machine::PoolSpec;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::{Bytes, BytesPerSecond};
use rand::distr::Distribution as _;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::warm_up::WarmUp;
use self::young::{Copied, Young};
use super::signals;
use crate::protocol::Streaming;
use crate::wait::Without;

mod g1;
mod warm_up;
mod young;

/// Which of HotSpot's collectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Collector {
    /// As HotSpot chooses: G1 with two cores and more, otherwise the serial one
    /// (`GCConfig::select_gc_ergonomically`, `os::is_server_class_machine`).
    Auto,
    /// `-XX:+UseG1GC`.
    G1,
    /// `-XX:+UseSerialGC`.
    Serial,
}

/// Parts of the heap that the young generation has with the serial collector (`NewRatio` = 2).
const SERIAL_YOUNG: u64 = 3;
/// Parts of that which a survivor space has (`SurvivorRatio` = 8); two of them are not eden.
const SERIAL_SURVIVOR: u64 = 10;

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
    /// Which collector: `auto`, `g1` or `serial`.
    pub collector: Collector,
    /// `-XX:MaxGCPauseMillis`, in milliseconds, which the serial collector does not heed.
    #[serde(rename = "max.gc.pause.millis")]
    pub max_gc_pause_millis: u64,
    /// What the process holds before it has served anybody.
    pub resident: Bytes,
    /// Bytes a second that its own threads leave behind, whoever asks for what.
    pub background_garbage: BytesPerSecond,
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
    /// `UseG1GC`, `MaxGCPauseMillis=20`). Measured on Kafka 3.9.2 with that heap on two cores, as
    /// docs/VALIDATION.md says: 156 MB after each collection, pauses of 8 to 17 ms on two threads
    /// with next to no survivors. Copying a gigabyte takes a core about a second.
    fn default() -> Self {
        Self {
            heap: Bytes::from_gib(1),
            collector: Collector::G1,
            max_gc_pause_millis: 20,
            resident: Bytes::from_mib(156),
            background_garbage: BytesPerSecond(0),
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

    /// What `java` is told of it.
    pub fn arguments(&self) -> Vec<String> {
        let heap = self.heap.0;
        let mut told = vec![format!("-Xms{heap}"), format!("-Xmx{heap}")];
        told.extend(match self.collector {
            Collector::Auto => None,
            Collector::G1 => Some("-XX:+UseG1GC".to_owned()),
            Collector::Serial => Some("-XX:+UseSerialGC".to_owned()),
        });
        told.push(format!("-XX:MaxGCPauseMillis={}", self.max_gc_pause_millis));
        told
    }

    /// Whether the serial collector runs on so many cores.
    const fn serial(&self, cores: u32) -> bool {
        match self.collector {
            Collector::Auto => cores < 2,
            Collector::G1 => false,
            Collector::Serial => true,
        }
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
    serial: bool,
    /// Of the collector.
    threads: u32,
    /// The first of its [`pools`].
    first_pool: u8,
    code: WarmUp,
    eden: u64,
    /// Of eden.
    used: u64,
    /// Up to when it counts what comes by itself.
    used_at: Option<Time>,
    young: Young,
    /// It has served before its first collection.
    seasoned: bool,
    /// Of the old generation.
    live: u64,
    /// Old, and not yet found to be garbage.
    dead: u64,
    paused_at: Option<Time>,
    policy: g1::Policy,
    marking: bool,
}

impl Jvm {
    /// The JVM of a process on so many cores, whose own pools end before `first_pool`, in its first
    /// life.
    pub fn new(config: &Config, cores: u32, first_pool: u8) -> Self {
        let compilers = compilers(first_pool);
        let (warm, serial, heap) = (config.warm, config.serial(cores), config.heap.0);
        // G1's that has run for a while has an eden anywhere between the two, by ratio; and any is
        // somewhere between two collections.
        let [least, most] = g1::eden(heap);
        let usual = libm::sqrt(least as f64 * most as f64) as u64;
        let eden = match (serial, warm) {
            (true, _) => heap / SERIAL_YOUNG / SERIAL_SURVIVOR * (SERIAL_SURVIVOR - 2),
            (false, true) => usual,
            (false, false) => least,
        };
        Self {
            threads: match serial {
                true => 1,
                // `ParallelGCThreads`: one a core up to eight, then five for eight.
                false if cores <= 8 => cores.max(1),
                false => 8 + (cores - 8) * 5 / 8,
            },
            serial,
            first_pool,
            code: if warm { WarmUp::warm(compilers) } else { WarmUp::cold(compilers) },
            eden,
            used: if warm { eden / 2 } else { 0 },
            used_at: None,
            young: Young::new(),
            seasoned: warm,
            live: config.resident.0,
            dead: 0,
            paused_at: None,
            policy: g1::Policy::default(),
            marking: false,
            config: config.clone(),
        }
    }

    /// This is not the first life of its process: nothing is compiled.
    pub fn begin_cold(&mut self) {
        self.code = WarmUp::cold(compilers(self.first_pool));
        if !self.serial {
            [self.eden, _] = g1::eden(self.config.heap.0);
        }
        self.used = 0;
        self.seasoned = false;
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
        let more = garbage.saturating_add(self.background(ctx.now()));
        self.used = self.used.saturating_add(more);
        if self.used >= self.eden && self.paused_at.is_none() {
            self.collect(ctx, tag);
        }
    }

    /// What has come by itself since it was last looked at.
    #[inline]
    fn background(&mut self, now: Time) -> u64 {
        let rate = self.config.background_garbage.0;
        if rate == 0 {
            return 0;
        }
        let since = self.used_at.replace(now).map_or(Duration::ZERO, |at| now.since(at));
        (u128::from(rate) * u128::from(since.0) / 1_000_000_000) as u64
    }

    /// The process holds so many bytes more, until it releases them.
    pub fn hold(&mut self, bytes: u64) {
        self.used += bytes;
        self.young.hold(bytes);
    }

    /// The process has let go of so many bytes that it held, of those that it has held longest.
    pub fn release(&mut self, bytes: u64) {
        let old = bytes.min(self.live - self.config.resident.0);
        self.live -= old;
        self.dead += old;
        self.young.release(bytes - old);
    }

    /// Bytes of the heap that are in use.
    pub fn in_use(&self) -> u64 {
        self.live + self.dead + self.used + self.young.survived()
    }

    /// Bytes that a survivor space has.
    const fn survivor_space(&self) -> u64 {
        match self.serial {
            true => self.config.heap.0 / SERIAL_YOUNG / SERIAL_SURVIVOR,
            false => self.eden / g1::SURVIVOR_RATIO,
        }
    }

    /// Bytes that the old generation can have at the most.
    fn old_space(&self) -> u64 {
        let heap = self.config.heap.0;
        match self.serial {
            true => heap - heap / SERIAL_YOUNG,
            false => heap - g1::eden(heap)[0],
        }
    }

    fn collect(&mut self, ctx: &mut Context<'_, Streaming>, tag: impl Fn(u64) -> u64) {
        self.paused_at = Some(ctx.now());
        let space = self.survivor_space();
        if std::mem::take(&mut self.seasoned) {
            self.young.as_before(space);
        }
        // G1 keeps as much free to copy to.
        let spare = if self.serial { 0 } else { g1::eden(self.config.heap.0)[0] };
        let full = self.live + self.dead + self.young.held() + spare > self.old_space();
        let (moved, kind) = match full {
            true => (self.live + self.young.held(), COMPACTED),
            false => {
                let Copied { all, promoted } = self.young.collect(space);
                self.live += promoted;
                (all, COLLECTED)
            }
        };
        let moving = Duration(self.config.survivor_kib_ns) * (moved >> 10);
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
        self.used = 0;
        if compacted {
            self.live += self.young.promote_all();
            self.dead = 0;
        }
        if self.live > self.old_space() {
            return Some(Event::OutOfMemory);
        }
        if !self.serial {
            self.size_eden(pause);
            self.mark(ctx, tag);
        }
        Some(Event::Paused(pause))
    }

    fn size_eden(&mut self, pause: Duration) {
        self.policy.paused(pause.0, self.eden);
        let heap = self.config.heap.0;
        let wanted = self.policy.wanted(self.config.max_gc_pause_millis, heap);
        let [least, _] = g1::eden(heap);
        let others = self.live + self.dead + self.young.held();
        self.eden = wanted.min(heap.saturating_sub(others).max(least));
    }

    fn mark(&mut self, ctx: &mut Context<'_, Streaming>, tag: impl Fn(u64) -> u64) {
        let begins = self.config.heap.0 / 100 * g1::MARK_PERCENT;
        if !self.marking && self.live + self.dead > begins {
            self.marking = true;
            let work = self.config.survivor_kib_ns * (self.live >> 10);
            ctx.compute(PoolId(self.first_pool + 2), Duration(work), tag(MARKED));
        }
    }
}
