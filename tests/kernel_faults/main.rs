//! Every fault bites, and the same seed gives the same run.

mod connection;
mod determinism;
mod disk;
mod letters;
mod limits;
mod link_impairment;
mod link_latency;
mod network;
mod process;
mod storage;
mod surroundings;

use headwater_sim::distribution::Distribution;
use headwater_sim::network::NetworkSpec;
use headwater_sim::simulation::SimulationSpec;
use headwater_sim::time::{Duration, Time};
use headwater_tests::bench::{Ctx, Letter, Saw, Sim, simulation};

/// One-way latency of every letter here.
const LATENCY: Duration = Duration::from_millis(5);

/// A simulation whose letters all take [`LATENCY`].
fn world(seed: u64) -> Sim {
    let network =
        NetworkSpec { latency: Distribution::constant(LATENCY), ..NetworkSpec::default() };
    simulation(seed, SimulationSpec { network, ..SimulationSpec::default() })
}

/// Milliseconds since the start.
const fn ms(at: u64) -> Time {
    Time(at * 1_000_000)
}

/// A letter of no size.
const fn letter(id: u64) -> Letter {
    Letter { id, bytes: 0 }
}

/// Notes that `what` happened to `id`, now.
fn saw(ctx: &mut Ctx<'_>, what: &'static str, id: u64) {
    let since = ctx.now();
    ctx.note(Saw { what, id, since });
}
