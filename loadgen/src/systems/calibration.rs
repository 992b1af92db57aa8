//! How the costs of a system's model are measured on the real one: which cases to run, and of what
//! the CPU time of each kind of thread is made up.

use super::counts::Counts;

/// A short run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// Its name, and what is special about it.
    pub(crate) name: &'static str,
    /// What its scenario sets.
    pub(crate) settings: &'static [(&'static str, &'static str)],
    /// Whether what is written is read at the same time.
    pub(crate) reads: bool,
    /// What its clients do in a second, about, as far as can be told beforehand.
    pub(crate) expects: Counts,
}

/// Whose thread it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// A launched server's.
    Server,
    /// The generator's.
    Generator,
}

/// Threads of one kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    /// Whose.
    pub(crate) side: Side,
    /// What their names begin with.
    pub(crate) thread: &'static str,
    /// What their CPU time is made up of.
    pub(crate) terms: &'static [Term],
}

/// So often as `times` says, the cost `constant`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term {
    /// An option of the system's `costs`, in nanoseconds.
    pub(crate) constant: &'static str,
    /// How often, by what clients have counted.
    pub(crate) times: fn(&Counts) -> f64,
}

/// How a system is calibrated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Calibration {
    /// The cases.
    pub(crate) cases: &'static [Case],
    /// Cases that are run only if asked for, to tell apart what the others leave together.
    pub(crate) more: &'static [Case],
    /// The threads.
    pub(crate) groups: &'static [Group],
    /// The cost of the memory that a request leaves behind, in bytes, where servers are JVMs.
    pub(crate) garbage: Option<&'static str>,
    /// Costs that no case measures, and why.
    pub(crate) unmeasured: &'static [(&'static str, &'static str)],
}

impl Calibration {
    /// The constants that are fitted, each once, in the order of their groups.
    pub(crate) fn constants(&self) -> Vec<&'static str> {
        let mut all = Vec::new();
        for term in self.groups.iter().flat_map(|group| group.terms) {
            if !all.contains(&term.constant) {
                all.push(term.constant);
            }
        }
        all
    }
}
