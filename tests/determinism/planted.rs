//! A planted nondeterminism is caught, and led back to the event that it begins with.

use std::collections::HashMap;

use headwater_scenarios::determinism::{Checked, Ran, check};
use headwater_scenarios::trace::{Watch, Watched};
use headwater_sim::machine::{Factory, MachineSpec, NodeSpec};
use headwater_sim::scheduling::Policy;
use headwater_sim::simulation::{Simulation, SimulationSpec};
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;
use headwater_tests::bench::{Bench, Ctx, Event, Letter, Saw, actor};

/// The letter with which the planted node goes through its map.
const FATAL: u64 = 2_500;

/// How the node that gets the letters goes wrong.
#[derive(Clone, Copy, PartialEq)]
enum Plant {
    /// Not at all.
    Nothing,
    /// It writes to those in a hash map in the map's order.
    Sends,
    /// It tells of those in a hash map in the map's order, and tells nobody else.
    Notes,
}

/// Writes a letter every 100 us.
fn writer(to: NodeId) -> Factory<Bench> {
    actor(move || {
        let mut id = 0;
        move |ctx: &mut Ctx<'_>, event| {
            if matches!(event, Event::Start | Event::Timer(_)) {
                ctx.send(to, Letter { id, bytes: 100 });
                ctx.timer(Duration::from_micros(100), 0);
                id += 1;
            }
        }
    })
}

fn reader(plant: Plant) -> Factory<Bench> {
    actor(move || {
        move |ctx: &mut Ctx<'_>, event| {
            let Event::Letter(from, Letter { id: FATAL, .. }) = event else { return };
            // Twenty entries come out in the same order twice once in 20! runs.
            let map: HashMap<u64, ()> = (0..20).map(|key| (key, ())).collect();
            let mut keys: Vec<u64> = map.into_keys().collect();
            if plant == Plant::Nothing {
                keys.sort_unstable();
            }
            for id in keys {
                match plant {
                    Plant::Notes => ctx.note(Saw { what: "key", id, since: ctx.now() }),
                    _ => ctx.send(from, Letter { id, bytes: 10 }),
                }
            }
        }
    })
}

fn run(plant: Plant) -> impl Fn(&Watch) -> Ran + Sync {
    move |watch| {
        let observer = Watched::new((), watch.clone());
        let mut sim: Simulation<Bench, _> = Simulation::new(SimulationSpec::default(), observer);
        for (name, factory) in [("writer", writer(NodeId(1))), ("reader", reader(plant))] {
            let machine = sim.add_machine(MachineSpec::named(name));
            sim.add_node(NodeSpec {
                name: name.into(),
                machine,
                pools: vec![],
                background: vec![],
                policy: Policy::default(),
                factory,
            });
        }
        sim.observer_mut().trace.name_nodes(vec!["writer".into(), "reader".into()]);
        sim.run_until(Time(1_000_000_000));
        Ran::of(sim)
    }
}

fn checked(plant: Plant) -> Checked {
    let run = run(plant);
    check(&run(&Watch::Nothing), &run)
}

#[test]
fn a_map_in_order_passes() {
    let checked = checked(Plant::Nothing);
    assert!(matches!(checked, Checked::Same { runs: 4, .. }), "{checked}");
}

#[test]
fn sends_in_the_order_of_a_hash_map_are_led_back_to_the_event_that_sent_them() {
    let Checked::Different(found) = checked(Plant::Sends) else {
        panic!("a hash map in the order of its hashes was not noticed");
    };
    let sides = found.records.as_ref().unwrap_or_else(|| panic!("nothing was found: {found}"));
    assert!(found.between.contains(&sides.event), "{found}");
    // What both did last: the reader got the fatal letter. What they did then: wrote to the writer.
    let (last, left, right) = (sides.before.concat(), &sides.left[0], &sides.right[0]);
    assert!(last.contains("receive"), "{found}");
    for side in [left, right] {
        assert!(side.contains("reader           send       writer"), "{found}");
    }
    assert_ne!(left, right, "both sides are shown, and they differ");
    let text = found.to_string();
    assert!(text.contains(&format!("event {} is the first", sides.event)), "{text}");
    assert!(text.contains("\n< ") && text.contains("\n> "), "{text}");
}

#[test]
fn notes_in_the_order_of_a_hash_map_are_found_though_no_event_differs() {
    let Checked::Different(found) = checked(Plant::Notes) else {
        panic!("a hash map in the order of its hashes was not noticed");
    };
    let sides = found.records.as_ref().unwrap_or_else(|| panic!("nothing was found: {found}"));
    assert!(sides.left[0].contains("note") && sides.left[0].contains("key"), "{found}");
    assert_ne!(sides.left[0], sides.right[0], "{found}");
}
