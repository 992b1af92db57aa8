//! A JVM that becomes faster with use: the interpreter, two compilers, and their queues.
//!
//! Stands for HotSpot's tiered compilation @ JDK 17 (`compilationPolicy.cpp`): a method is
//! interpreted until it has been called 200 times, then compiled by C1 with profiling (tier 3), and
//! after 5,000 calls by C2 (tier 4). Compilers are threads of the process and want cores like any
//! other; what is hot waits in their queues meanwhile. The code that a request takes is divided
//! into `PARTS` of equal cost, called from once to `CALLS_MAX` times a request.
//!
//! Left out: on-stack replacement (thresholds by loops), inlining, deoptimization, the code cache's
//! limit, class loading.

use headwater_sim::context::Context;
use headwater_sim::effect::PoolId;
use headwater_sim::time::Duration;

use crate::protocol::Streaming;

/// Parts of the code of a request, of equal cost.
const PARTS: usize = 48;
/// Calls a request of the part that is called most; the others lie between, evenly by logarithm.
const CALLS_MAX: f64 = 75.0;
/// `Tier3InvocationThreshold`.
const TIER_3: u64 = 200;
/// `Tier4InvocationThreshold`.
const TIER_4: u64 = 5_000;
/// What of a request's CPU time is the kernel's or compiled ahead (sockets, files, futexes,
/// checksums), and is as fast cold as warm, in percent.
const NATIVE: u64 = 50;
/// Cost of interpreted code, in percent of what C2 makes of it: 20 to 50 times is common.
const INTERPRETED: u64 = 2_000;
/// Cost of tier 3, with its counters, in percent: a third slower than C1's code without
/// (`compilationPolicy.hpp`), which takes one and a half to two times as long as C2's.
const PROFILED: u64 = 250;
/// CPU time of C1 for a part. Measured with the one below: compiler threads of Kafka 3.9.2 take 13
/// s in the 40 s after its start under load and 3 s in the next two minutes (docs/VALIDATION.md);
/// C1 compiles several times as fast as C2.
const C1_WORK: Duration = Duration::from_millis(60);
/// CPU time of C2 for a part.
const C2_WORK: Duration = Duration::from_millis(270);

/// Which compiler, for the tag of its work.
const C1: u64 = 0;
const C2: u64 = 1;

/// Compiler threads of a process on so many cores: C1's and C2's (`CICompilerCount`,
/// `CompilationPolicy::initialize`: log2 of the cores times log2 of that times 3/2, two at least, a
/// third of them C1's).
pub fn compilers(cores: u32) -> [u32; 2] {
    let log = cores.max(1).ilog2();
    let all = (log * log.max(1).ilog2() * 3 / 2).max(2);
    let c1 = (all / 3).max(1);
    [c1, all - c1]
}

/// The state of a process's code.
#[derive(Debug)]
pub struct WarmUp {
    /// Requests so far.
    requests: u64,
    /// Parts that are queued for a compiler, and parts that it is done with: C1, then C2. Those
    /// that are called most come first.
    queued: [usize; 2],
    compiled: [usize; 2],
    /// Requests after which the next part is queued.
    next: [u64; 2],
    /// What work costs now, in percent.
    percent: u64,
    pools: [PoolId; 2],
}

impl WarmUp {
    /// Code that has never run. `pools`: the threads of C1 and of C2.
    pub fn cold(pools: [PoolId; 2]) -> Self {
        let mut new = Self {
            requests: 0,
            queued: [0; 2],
            compiled: [0; 2],
            next: [0; 2],
            percent: of_requests(INTERPRETED),
            pools,
        };
        new.next = [new.due(C1), new.due(C2)];
        new
    }

    /// Code that is compiled.
    pub fn warm(pools: [PoolId; 2]) -> Self {
        let all = [PARTS; 2];
        let next = [u64::MAX; 2];
        Self { requests: 0, queued: all, compiled: all, next, percent: 100, pools }
    }

    /// What work of `cost` takes at present.
    #[inline]
    pub fn cost(&self, cost: Duration) -> Duration {
        if self.percent == 100 { cost } else { cost * self.percent / 100 }
    }

    /// A request is being worked on: what has been called often enough by now is queued for a
    /// compiler. `tag`: of the work of a compiler, by its number.
    #[inline]
    pub fn request(&mut self, ctx: &mut Context<'_, Streaming>, tag: impl Fn(u64) -> u64) {
        if self.percent == 100 {
            return;
        }
        self.requests += 1;
        for (which, work) in [(C1, C1_WORK), (C2, C2_WORK)] {
            let at = which as usize;
            while self.requests >= self.next[at] {
                self.queued[at] += 1;
                self.next[at] = self.due(which);
                ctx.compute(self.pools[at], work, tag(which));
            }
        }
    }

    /// A compiler is done with a part.
    pub fn compiled(&mut self, which: u64) {
        self.compiled[which as usize] += 1;
        let [profiled, best] = self.compiled.map(|parts| parts as u64);
        // A part whose compilation by C2 overtakes that by C1 skips it.
        let profiled = profiled.max(best);
        let sum =
            (PARTS as u64 - profiled) * INTERPRETED + (profiled - best) * PROFILED + best * 100;
        self.percent = of_requests(sum / PARTS as u64);
    }

    /// Requests after which the next part is to be queued for a compiler.
    fn due(&self, which: u64) -> u64 {
        let part = self.queued[which as usize];
        if part == PARTS {
            return u64::MAX;
        }
        let threshold = if which == C1 { TIER_3 } else { TIER_4 };
        let share = (PARTS - 1 - part) as f64 / (PARTS - 1) as f64;
        let calls = libm::pow(CALLS_MAX, share);
        libm::ceil(threshold as f64 / calls) as u64
    }
}

/// The cost of requests whose code costs `percent` of what C2 makes of it.
const fn of_requests(percent: u64) -> u64 {
    NATIVE + (100 - NATIVE) * percent / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compilers_are_as_many_as_hotspot_starts() {
        for (cores, expected) in [(1, [1, 1]), (2, [1, 1]), (4, [1, 2]), (8, [1, 3]), (64, [6, 12])]
        {
            assert_eq!(compilers(cores), expected, "{cores} cores");
        }
    }

    #[test]
    fn code_is_queued_by_how_often_it_is_called() {
        let mut code = WarmUp::cold([PoolId(0), PoolId(1)]);
        assert_eq!(code.next, [3, 67], "75 calls a request");
        code.queued = [PARTS - 1; 2];
        assert_eq!([code.due(C1), code.due(C2)], [200, 5_000], "one call a request");
    }

    #[test]
    fn each_part_compiled_makes_it_faster_until_all_are() {
        let mut code = WarmUp::cold([PoolId(0), PoolId(1)]);
        let cost = |code: &WarmUp| code.cost(Duration::from_micros(10)).0 / 1_000;
        assert_eq!(cost(&code), 105);
        (0..PARTS).for_each(|_| code.compiled(C1));
        assert_eq!(cost(&code), 17);
        (0..PARTS).for_each(|_| code.compiled(C2));
        assert_eq!(cost(&code), 10);
        assert_eq!(cost(&WarmUp::warm([PoolId(0), PoolId(1)])), 10);
    }
}
