//! The catalogue of faults: what each does, its parameters, what it stands for in the world, what
//! it may cost, and how a swarm draws it. docs/FAULTS.md is made from it.

mod draw;
mod network;
mod page;
mod processes;
mod storage;

use headwater_sim::random::Stream;

use super::action::Action;

pub use page::page;

/// What a fault is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// What happens to messages.
    Network,
    /// What happens to disks.
    Storage,
    /// What happens to tiered storage.
    Tier,
    /// What happens to clocks.
    Clock,
    /// What happens to processes and machines.
    Process,
    /// What half works. Other kinds are gray too where they hit one replica or one direction.
    Gray,
}

/// The worst that a fault may cost; a budget counts by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Damage {
    /// Time.
    Slow,
    /// A server, as long as the fault lasts.
    Unavailable,
    /// What a server has not synced.
    Volatile,
    /// What a server has synced.
    Durable,
}

/// What is known of a kind of fault.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name in a scenario file.
    pub name: &'static str,
    /// What it is about.
    pub family: Family,
    /// What it does.
    pub what: &'static str,
    /// Name and meaning of each parameter, with the default behind a semicolon.
    pub parameters: &'static [(&'static str, &'static str)],
    /// What causes it in the world.
    pub cause: &'static str,
    /// How it is made on a live cluster.
    pub live: &'static str,
    /// The worst that it may cost.
    pub damage: Damage,
    /// It has to end: `for` or `until` is required.
    pub needs_end: bool,
    /// A plausible one.
    pub draw: fn(&mut Stream) -> Action,
}

/// Every kind, by family.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    network::ENTRIES.iter().chain(&storage::ENTRIES).chain(&processes::ENTRIES)
}

/// The entry of an action's kind.
pub fn entry(action: &Action) -> &'static Entry {
    let name = action.name();
    let found = entries().find(|entry| entry.name == name);
    found.unwrap_or_else(|| panic!("the catalogue has no {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_sim::random::Seed;

    #[test]
    fn an_entry_names_the_parameters_that_its_action_has() {
        for entry in entries() {
            let mut stream = Seed(1).stream("draw", 0);
            let action = (entry.draw)(&mut stream);
            let table = action.to_table();
            let optional = ["peers", "disk"];
            for (name, _) in entry.parameters {
                let there = table.contains_key(*name) || optional.contains(name);
                assert!(there, "{}: no parameter {name}", entry.name);
            }
            for name in table.keys().filter(|name| *name != "kind") {
                let told = entry.parameters.iter().any(|(have, _)| have == name);
                assert!(told, "{}: parameter {name} is not in the catalogue", entry.name);
            }
        }
    }

    #[test]
    fn the_page_in_docs_is_the_one_made_from_the_catalogue() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/FAULTS.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(file, page()).unwrap();
        }
        let kept = std::fs::read_to_string(file).unwrap();
        assert!(kept == page(), "docs/FAULTS.md is old: run this test with UPDATE_DOCS=1");
    }
}
