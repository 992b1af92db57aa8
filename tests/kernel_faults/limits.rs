//! A run that would not end is ended, at the same event each time.

use headwater_sim::limits::{Exceeded, Limit, Limits};
use headwater_sim::machine::{Factory, MachineSpec};
use headwater_sim::simulation::SimulationSpec;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;
use headwater_tests::bench::{Bench, Ctx, Event, Sim, actor, add, simulation};

use crate::{letter, ms};

/// Two nodes that behave so, until second 10.
fn ran(limits: Limits, factory: impl Fn(NodeId) -> Factory<Bench>) -> Sim {
    let mut sim = simulation(1, SimulationSpec { limits, ..SimulationSpec::default() });
    for (name, other) in [("one", 1), ("other", 0)] {
        add(&mut sim, MachineSpec::named(name), &[], factory(NodeId(other)));
    }
    sim.run_until(ms(10_000));
    sim
}

/// Sets a timer, and again whenever it runs out: from second 1 on with no delay.
fn spinning(_: NodeId) -> Factory<Bench> {
    actor(|| {
        |ctx: &mut Ctx<'_>, _: Event| {
            let wait = if ctx.now() < ms(1_000) { 10 } else { 0 };
            ctx.timer(Duration::from_millis(wait), 0);
        }
    })
}

#[test]
fn a_timer_that_fires_at_once_for_ever_ends_the_run() {
    let limits = Limits { at_once: 100_000, ..Limits::default() };
    let sim = ran(limits, spinning);
    let exceeded = sim.exceeded().expect("it spins");
    // By the node's timer, some slack later.
    assert_eq!((exceeded.limit, exceeded.most), (Limit::AtOnce, 100_000));
    assert!((ms(1_000)..ms(1_010)).contains(&exceeded.at), "{exceeded:?}");
    assert!((100_000..112_000).contains(&sim.totals().events), "{:?}", sim.totals());
    let again = ran(limits, spinning);
    let ends = |sim: &Sim| (sim.exceeded(), sim.totals(), sim.fingerprint());
    assert_eq!(ends(&again), ends(&sim));
}

#[test]
fn two_nodes_that_answer_each_other_for_ever_end_the_run_by_their_events() {
    let limits = Limits { events: 50_000, ..Limits::default() };
    let sim = ran(limits, |other| {
        actor(move || {
            move |ctx: &mut Ctx<'_>, event| match event {
                Event::Start | Event::Letter(..) => ctx.send(other, letter(0)),
                _ => {}
            }
        })
    });
    let exceeded = sim.exceeded().expect("they never stop");
    assert_eq!((exceeded.limit, exceeded.most), (Limit::Events, 50_000));
    assert!(exceeded.at < ms(10_000), "{exceeded:?}");
}

#[test]
fn timers_that_beget_more_than_one_end_the_run_by_what_waits() {
    let limits = Limits { waiting: 20_000, ..Limits::default() };
    let sim = ran(limits, |_| {
        actor(|| {
            |ctx: &mut Ctx<'_>, _: Event| {
                ctx.timer(Duration::from_millis(10), 0);
                ctx.timer(Duration::from_millis(11), 0);
            }
        })
    });
    let limit = sim.exceeded().map(|exceeded| exceeded.limit);
    assert_eq!(limit, Some(Limit::Waiting));
}

#[test]
fn a_run_that_ends_by_itself_meets_no_limit() {
    let sim = ran(Limits::default(), |_| {
        actor(|| |ctx: &mut Ctx<'_>, _: Event| ctx.timer(Duration::from_millis(1), 0))
    });
    assert_eq!(sim.exceeded(), None::<Exceeded>);
    assert_eq!(sim.now(), Time(10_000_000_000));
    assert_eq!(sim.kept().broken_count, 0);
}
