//! docs/FAULTS.md, made from the catalogue.

use std::fmt::Write;

use super::entries;
use super::entry::{Damage, Entry, Family, Live};
use crate::targets;
use headwater_models::systems::Systems;

const OPENING: &str = "# Faults

This page is made from the code (`scenarios/src/faults/`); a test compares them.

A fault changes the environment; no model knows that faults exist. In a scenario file it is one
table of the list `[[fault]]`, with its `kind`, its parameters, a `target`, when it begins (`at`,
from the start of the traffic) and how long it lasts (`for`, or `until`):

```toml
[[fault]]
kind = \"slow-disk\"
factor = 10
target = \"broker-2\"
at = \"10s\"
for = \"5s\"
```

*May cost* is the worst that it can take from a system, by which a swarm's budget counts: time; a
server, as long as it lasts; what a server has not synced; what it has synced. *Test* shows that it
bites and ends, with numbers: `cargo test -p headwater-scenarios faults::`.

*Live* is how `loadgen` does it to processes that it has launched: by signals, or by a proxy in
front of each server. A proxy stands there in runs that need one (the outcome tells of it in its
`differences`), and sees what clients and that server send each other, no more. So a live run can do
these faults between servers and all clients, `peers = [\"producers\", \"consumers\"]`, or, where
there is one server, between it and everybody; what cuts servers from each other, or tells clients
apart, it refuses before it launches anything. Pravega's controller finds a store through its proxy
as clients do; before bookies and ZooKeeper, to which no client connects, there is none. Who
connects while a cut goes on is taken, and hears nothing.
";

const GRAY: &str = "
One slow replica is `limp`; one slow disk is `slow-disk` or `throttle-disk`; one lossy direction is
`loss` with `symmetric = false`; a limping network card is `slow-nic`.
";

const CORRELATED: &str = "
## Targets, and correlated faults

A target is a node (`broker-1`), a group, a failure domain, an office that is looked up when the
fault begins (`leader`), or a list of these. Faults of a domain hit all of its servers at once: that
is what makes them correlated.

What else they have to be, or may not be, stands behind: `leader that is controller`, `leader that
is not controller`, `follower that is not controller`, `brokers that is not leader`. Where that is
about two offices, the run begins with them in one hand or in two, as the first such fault asks:
simulated, the leader of partition 0 is `broker-1`, and the controller is elected at once, it or
`broker-2`; live, the topic's partitions are placed from the broker on that is the controller, or
the one before it. Who holds them later is up to the run: a fault that finds nobody hits nobody, and
the outcome says so (`faults_fired`).

";

/// The page.
pub fn page() -> String {
    let mut page = String::from(OPENING);
    let families = [
        (Family::Network, "Network"),
        (Family::Storage, "Storage"),
        (Family::Tier, "Tiered storage"),
        (Family::Clock, "Clocks"),
        (Family::Process, "Processes and machines"),
        (Family::Gray, "Gray failures"),
    ];
    for (family, title) in families {
        write!(page, "\n## {title}\n").expect("a string takes all");
        if family == Family::Gray {
            page += GRAY;
        }
        for entry in entries().filter(|entry| entry.family == family) {
            section(&mut page, entry);
        }
    }
    page += CORRELATED;
    page += "| target | who |\n|---|---|\n";
    for (name, who) in targets::described(&Systems::standard()) {
        writeln!(page, "| `{name}` | {who} |").expect("a string takes all");
    }
    page
}

fn section(page: &mut String, entry: &Entry) {
    let cost = match entry.damage {
        Damage::Slow => "time",
        Damage::Unavailable => "a server, while it lasts",
        Damage::Volatile => "what a server has not synced",
        Damage::Durable => "what a server has synced",
    };
    let Entry { name, what, cause, .. } = entry;
    let live = match entry.live {
        Live::Signal(how) => format!("{how} (`loadgen`)"),
        Live::Proxy(how) => format!("by proxy: {how} (`loadgen`)"),
        Live::ByHand(how) => format!("not by `loadgen`; by hand: {how}"),
        Live::Never => "no".to_owned(),
    };
    write!(page, "\n### `{name}`\n\n{what}\n\n").expect("a string takes all");
    for (parameter, meaning) in entry.parameters {
        let (meaning, default) = match meaning.split_once("; ") {
            Some((meaning, default)) => (meaning, format!(" (default: {default})")),
            None => (*meaning, String::new()),
        };
        writeln!(page, "- `{parameter}`: {meaning}{default}").expect("a string takes all");
    }
    let end = if entry.needs_end { "- needs an end: `for` or `until`\n" } else { "" };
    let test = format!("faults::{}::tests::bites", entry.file());
    write!(
        page,
        "{end}- in the world: {cause}\n- live: {live}\n- may cost: {cost}\n- test: `{test}`\n"
    )
    .expect("a string takes all");
}
