//! The rules of the house: which crate may need which, and which names may stand where.

use std::fmt;

use headwater_tests::workspace::SourceFile;

use crate::graph::Graph;
use crate::names::{Found, Name, names};

/// A rule broken, and where.
#[derive(Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule's name.
    pub rule: &'static str,
    /// The crate, or the file and line.
    pub place: String,
    /// What was found there.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.place, self.found, self.rule)
    }
}

/// Arrows point one way. The crate on the left may need those on the right and no other of ours.
const ARROWS: &[(&str, &[&str])] = &[
    ("headwater-sim", &[]),
    ("headwater-reading", &["headwater-sim"]),
    ("headwater-models", &["headwater-sim", "headwater-reading"]),
    ("headwater-reports", &[]),
    ("headwater-traffic", &["headwater-sim", "headwater-models"]),
    ("headwater-check", &["headwater-sim", "headwater-models", "headwater-traffic"]),
    (
        "headwater-scenarios",
        &[
            "headwater-sim",
            "headwater-reading",
            "headwater-models",
            "headwater-reports",
            "headwater-traffic",
            "headwater-check",
        ],
    ),
    ("headwater-macros", &[]),
    (
        "headwater",
        &["headwater-macros", "headwater-models", "headwater-reports", "headwater-scenarios"],
    ),
    (
        "headwater-cli",
        &[
            "headwater-sim",
            "headwater-reading",
            "headwater-reports",
            "headwater-traffic",
            "headwater-scenarios",
            "headwater",
        ],
    ),
    (
        "headwater-loadgen",
        &[
            "headwater-sim",
            "headwater-reading",
            "headwater-models",
            "headwater-reports",
            "headwater-traffic",
            "headwater-check",
            "headwater-scenarios",
            "headwater-pravega-client",
        ],
    ),
    ("headwater-pravega-client", &[]),
    ("headwater-pipeline", &[]),
    (
        "headwater-tests",
        &[
            "headwater-sim",
            "headwater-models",
            "headwater-reports",
            "headwater-traffic",
            "headwater-scenarios",
        ],
    ),
    ("headwater-benches", &["headwater-sim", "headwater-models", "headwater-scenarios"]),
];

/// What the tests of a crate may need besides: the real traffic and the real checkers, and the
/// protocol for tests of the kernel.
const ARROWS_OF_TESTS: &[(&str, &[&str])] = &[
    ("headwater-models", &["headwater-traffic", "headwater-check"]),
    ("headwater-scenarios", &["headwater-tests"]),
    ("headwater-tests", &["headwater"]),
    // Itself, with a feature that its tests need.
    ("headwater", &["headwater"]),
];

/// Crates that must not be built with any of the packages named.
const UNREACHABLE: &[(&str, &[&str], &[&str])] = &[
    ("async runtime", ALL_BUT_LOADGEN, ASYNC_RUNTIMES),
    ("live client", VIRTUAL, LIVE_CLIENTS),
    ("command line", &["headwater"], &["clap", "indicatif", "annotate-snippets", "mimalloc"]),
    ("foreign randomness or threads", &["headwater-sim", "headwater-models"], UNSEEDED),
];

const ALL_BUT_LOADGEN: &[&str] = &[
    "headwater-sim",
    "headwater-reading",
    "headwater-models",
    "headwater-reports",
    "headwater-traffic",
    "headwater-check",
    "headwater-scenarios",
    "headwater",
    "headwater-cli",
    "headwater-benches",
];

const VIRTUAL: &[&str] = &[
    "headwater-sim",
    "headwater-reading",
    "headwater-models",
    "headwater-reports",
    "headwater-traffic",
    "headwater-check",
    "headwater-scenarios",
    "headwater",
    "headwater-cli",
];

const ASYNC_RUNTIMES: &[&str] = &[
    "async-executor",
    "async-std",
    "futures-executor",
    "madsim",
    "madsim-tokio",
    "mio",
    "smol",
    "tokio",
    "turmoil",
];

const LIVE_CLIENTS: &[&str] = &[
    "axum",
    "h2",
    "headwater-pipeline",
    "headwater-pravega-client",
    "hyper",
    "kafka",
    "kafka-protocol",
    "pravega-client",
    "rdkafka",
    "redis",
    "reqwest",
    "rskafka",
    "tokio-postgres",
    "tonic",
    "ureq",
    "zookeeper-client",
];

/// Not `rand`, whose traits draw from a seeded stream as well, and not `getrandom`: a test's
/// dependency switches it on in `rand_core` for the whole build. That nobody draws without a seed
/// is for the names to hold.
const UNSEEDED: &[&str] = &["fastrand", "rayon", "crossbeam-utils", "nexosim"];

/// The member that each binary must belong to: `headwater` can't need a live client if its crate
/// does not.
const BINARIES: &[(&str, &str)] = &[
    ("headwater", "headwater-cli"),
    ("headwater-pipeline", "headwater-pipeline"),
    ("loadgen", "headwater-loadgen"),
];

/// A name that must not stand in the sources of some crates.
struct NameRule {
    rule: &'static str,
    folders: &'static [&'static str],
    /// Beginnings of the paths of files that it says nothing of.
    except: &'static [&'static str],
    in_tests: bool,
    forbids: fn(&Name) -> bool,
}

const VIRTUAL_TIME: &[&str] = &["sim", "models"];

/// Where every draw is from a seed.
const SEEDED: &[&str] = &["sim", "models", "scenarios"];

/// Which system it is, is asked in its folder, in the registry and in the protocol alone.
const HOMES_OF_SYSTEMS: &[&str] = &[
    "models/src/bookkeeper/",
    "models/src/kafka/",
    "models/src/pipeline/backup/",
    "models/src/pipeline/search/",
    "models/src/pipeline/spark/",
    "models/src/pipeline/trending/",
    "models/src/pravega/",
    "models/src/protocol.rs",
    "models/src/systems.rs",
];

const BLIND_TO_SYSTEMS: &[&str] = &["models", "reports", "scenarios"];

const fn rule(
    rule: &'static str,
    folders: &'static [&'static str],
    in_tests: bool,
    forbids: fn(&Name) -> bool,
) -> NameRule {
    NameRule { rule, folders, except: &[], in_tests, forbids }
}

const NAME_RULES: &[NameRule] = &[
    rule("wall clock", VIRTUAL_TIME, true, is_clock),
    rule("thread", VIRTUAL_TIME, true, is_thread),
    rule("hash map", VIRTUAL_TIME, true, is_hash),
    rule("async", VIRTUAL_TIME, true, is_async),
    rule("input and output", VIRTUAL_TIME, false, is_io),
    rule("unseeded", SEEDED, true, is_unseeded),
    rule("global", VIRTUAL_TIME, true, is_global),
    rule("platform float", VIRTUAL_TIME, false, is_float),
    rule("domain in sim", &["sim"], true, is_domain),
    rule("fault in models", &["models"], false, is_fault),
    NameRule {
        except: HOMES_OF_SYSTEMS,
        ..rule("system outside its folder", BLIND_TO_SYSTEMS, false, is_system)
    },
];

/// Every rule's name, for the test that plants a violation of each.
pub fn all() -> Vec<&'static str> {
    let graph = ["arrow", "unknown crate", "binary"].into_iter();
    let reach = UNREACHABLE.iter().map(|(rule, _, _)| *rule);
    graph.chain(reach).chain(NAME_RULES.iter().map(|rule| rule.rule)).collect()
}

/// What breaks a rule in the graph or in the sources.
pub fn check(graph: &Graph, sources: &[SourceFile]) -> Vec<Violation> {
    let mut violations = check_graph(graph);
    let ruled =
        |file: &&SourceFile| NAME_RULES.iter().any(|rule| rule.folders.contains(&file.folder()));
    for file in sources.iter().filter(ruled) {
        for found in names(file) {
            violations.extend(broken_by(file, &found));
        }
    }
    violations
}

fn broken_by(file: &SourceFile, found: &Found) -> Option<Violation> {
    let rule = NAME_RULES.iter().find(|rule| {
        rule.folders.contains(&file.folder())
            && !rule.except.iter().any(|home| file.path.starts_with(home))
            && (rule.in_tests || !found.in_tests)
            && (rule.forbids)(&found.name)
    })?;
    let place = format!("{}:{}", file.path, found.line);
    let found = match &found.name {
        Name::Path(path) => path.join("::"),
        Name::Method(method) => format!(".{method}"),
    };
    Some(Violation { rule: rule.rule, place, found })
}

fn check_graph(graph: &Graph) -> Vec<Violation> {
    let mut violations = vec![];
    let mut broken = |rule, place: &str, found: String| {
        violations.push(Violation { rule, place: place.into(), found });
    };
    for member in &graph.members {
        match ARROWS.iter().find(|(name, _)| name == member) {
            None => broken("unknown crate", member, "a member without a place in ARROWS".into()),
            Some((_, allowed)) => {
                let in_tests = ARROWS_OF_TESTS.iter().find(|(name, _)| name == member);
                let in_tests = in_tests.map_or(&[][..], |(_, allowed)| allowed);
                for (to, for_tests) in graph.direct(member) {
                    // Its tests may need a crate itself with more features.
                    let more = |to: &str| to == *member || in_tests.contains(&to);
                    let allowed = allowed.contains(&to.as_str()) || for_tests && more(&to);
                    if graph.members.contains(&to) && !allowed {
                        broken("arrow", member, format!("needs {to}"));
                    }
                }
            }
        }
    }
    for (rule, members, packages) in UNREACHABLE {
        for member in *members {
            let ways = graph.reachable(member);
            for package in *packages {
                if let Some(way) = ways.get(*package) {
                    broken(rule, member, way.clone());
                }
            }
        }
    }
    for (binary, member) in &graph.binaries {
        let home = BINARIES.iter().find(|(name, _)| name == binary).map(|(_, home)| *home);
        if let Some(home) = home.filter(|home| home != member) {
            broken("binary", member, format!("builds {binary}, which belongs to {home}"));
        }
    }
    violations
}

/// True if one of the path's segments is one of `idents`, or it begins with one of `starts`.
fn names_any(name: &Name, starts: &[&str], idents: &[&str]) -> bool {
    let Name::Path(path) = name else { return false };
    let whole = path.join("::");
    let under = |start: &&str| {
        whole.strip_prefix(*start).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    starts.iter().any(under) || path.iter().any(|at| idents.contains(&at.as_str()))
}

fn is_clock(name: &Name) -> bool {
    names_any(name, &["std::time", "core::time"], &["Instant", "SystemTime", "chrono"])
}

fn is_thread(name: &Name) -> bool {
    names_any(name, &["std::thread"], &["thread", "thread_local", "rayon", "crossbeam"])
}

fn is_hash(name: &Name) -> bool {
    let idents = ["HashMap", "HashSet", "RandomState", "DefaultHasher", "hash_map", "hash_set"];
    names_any(name, &[], &idents)
}

fn is_async(name: &Name) -> bool {
    let awaits = *name == Name::Method("await".into());
    awaits || names_any(name, &[], &["async", "tokio", "futures", "smol", "async_std"])
}

fn is_io(name: &Name) -> bool {
    let starts = ["std::fs", "std::net", "std::env", "std::process", "std::io", "std::os"];
    names_any(name, &starts, &["println", "eprintln", "print", "eprint", "dbg"])
}

/// Randomness of the thread or of the operating system. A bare `rand` is `use rand::*` or another
/// name for it, behind which any of them could hide.
fn is_unseeded(name: &Name) -> bool {
    let idents = [
        "thread_rng",
        "ThreadRng",
        "OsRng",
        "StdRng",
        "SmallRng",
        "getrandom",
        "from_os_rng",
        "try_from_os_rng",
        "from_entropy",
    ];
    let all_of_rand = matches!(name, Name::Path(path) if *path == ["rand"]);
    let starts = [
        "rand::rng",
        "rand::random",
        "rand::random_range",
        "rand::random_bool",
        "rand::random_iter",
        "rand::prelude",
    ];
    all_of_rand || names_any(name, &starts, &idents)
}

fn is_global(name: &Name) -> bool {
    let idents = ["static", "OnceLock", "LazyLock", "Mutex", "RwLock", "AtomicU64", "AtomicUsize"];
    names_any(name, &["std::sync::atomic"], &idents)
}

/// Functions whose last bit differs between platforms; `libm` has them all.
const FLOAT_FUNCTIONS: &[&str] = &[
    "acos", "asin", "atan", "atan2", "cbrt", "cos", "cosh", "exp", "exp2", "exp_m1", "hypot", "ln",
    "ln_1p", "log10", "log2", "mul_add", "powf", "powi", "sin", "sinh", "sqrt", "tan", "tanh",
];

fn is_float(name: &Name) -> bool {
    match name {
        Name::Method(method) => FLOAT_FUNCTIONS.contains(&method.as_str()),
        Name::Path(path) => match path.as_slice() {
            [kind, function] if kind == "f64" || kind == "f32" => {
                function == "log" || FLOAT_FUNCTIONS.contains(&function.as_str())
            }
            _ => false,
        },
    }
}

fn is_domain(name: &Name) -> bool {
    let idents = match name {
        Name::Path(path) => path.join("::"),
        Name::Method(method) => method.clone(),
    };
    let idents = idents.to_lowercase();
    let domain = ["kafka", "pravega", "bookkeeper", "bookie", "broker", "ledger", "tweet"];
    domain.iter().any(|word| idents.contains(word))
}

fn is_fault(name: &Name) -> bool {
    let starts = ["headwater_sim::fault", "headwater_sim::simulation"];
    names_any(name, &starts, &["Fault", "Simulation"])
}

/// The module of a system, or its variant of an enum: a name alone may be anything.
fn is_system(name: &Name) -> bool {
    let Name::Path(path) = name else { return false };
    let systems = [
        "backup",
        "Backup",
        "bookkeeper",
        "BookKeeper",
        "kafka",
        "Kafka",
        "pravega",
        "Pravega",
        "spark",
        "Spark",
        "trending",
        "Trending",
    ];
    // Others search as well: of these the name before says what it is.
    let search = [["pipeline", "search"], ["Message", "Search"], ["Record", "Search"]];
    let pair = |pair: &[String]| search.iter().any(|of| of[0] == pair[0] && of[1] == pair[1]);
    path.len() > 1 && path.iter().any(|at| systems.contains(&at.as_str()))
        || path.windows(2).any(pair)
}
