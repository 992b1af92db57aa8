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
    /// The generator's, or that of a client in a process of its own.
    Generator,
}

/// Costs that are not in the system's `costs`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Table {
    /// What they begin with where they are named here.
    pub(crate) prefix: &'static str,
    /// The sections of the system's options that they stand in.
    pub(crate) sections: &'static [&'static str],
    /// They are times with their unit (`15us`), not counts of nanoseconds.
    pub(crate) with_unit: bool,
    /// Other systems whose processes these are as well, with the sections that they have them in:
    /// what is measured holds for those, too.
    pub(crate) also: &'static [(&'static str, &'static [&'static str])],
}

/// An option that a cost is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CostOption<'a> {
    /// The sections of the system's options that it stands in.
    pub(crate) sections: &'static [&'static str],
    /// Its name there.
    pub(crate) name: &'a str,
    /// It is a time with its unit.
    pub(crate) with_unit: bool,
    /// See [`Table::also`].
    pub(crate) also: &'static [(&'static str, &'static [&'static str])],
}

impl CostOption<'_> {
    /// Its path in a scenario of one system.
    pub(crate) fn path(&self) -> String {
        format!("system.{}.{}", self.sections.join("."), self.name)
    }

    /// A value, as a scenario has it.
    pub(crate) fn value(&self, cost: u64) -> String {
        if self.with_unit { format!("{cost}ns") } else { cost.to_string() }
    }
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
    /// An option of the system's `costs`, or of one of [`Calibration::tables`].
    pub(crate) constant: &'static str,
    /// How often.
    pub(crate) times: Times,
}

/// How often a cost is in the time of threads.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Times {
    /// A cost in nanoseconds: by what clients have counted.
    Counted(fn(&Counts) -> f64),
    /// A working set in KiB: by how often its threads wake, and how long their cores have idled
    /// then. Nobody records that of a real system; a simulation of the case tells it.
    Refilled,
    /// A cost in nanoseconds: by how often its threads wake on a core that idles, as above.
    FromIdle,
}

impl Case {
    /// A case that writes `events` of `bytes` in so many requests a second, about, and reads them
    /// in so many; nothing is read where those are none.
    pub(crate) const fn of(
        name: &'static str,
        settings: &'static [(&'static str, &'static str)],
        [writes, reads]: [f64; 2],
        [events, bytes]: [f64; 2],
    ) -> Self {
        let read = if reads > 0.0 { events } else { 0.0 };
        let expects = Counts {
            writes,
            reads,
            others: 0.0,
            sent: events * bytes,
            received: read * bytes,
            written: events,
            read,
            flushes: 0.0,
        };
        Self { name, settings, reads: reads > 0.0, expects }
    }

    /// Whether servers flush for each request that writes, which no client can count.
    pub(crate) fn flushes(&self) -> bool {
        self.expects.flushes > 0.0
    }

    /// What its clients have counted, and what follows from that.
    pub(crate) fn completed(&self, counts: Counts) -> Counts {
        let each = self.expects.flushes / self.expects.writes.max(1e-9);
        Counts { flushes: counts.writes * each, ..counts }
    }
}

impl Term {
    /// A cost in nanoseconds.
    pub(crate) const fn ns(constant: &'static str, times: fn(&Counts) -> f64) -> Self {
        Self { constant, times: Times::Counted(times) }
    }

    /// The working set of the group's threads.
    pub(crate) const fn working_set(constant: &'static str) -> Self {
        Self { constant, times: Times::Refilled }
    }

    /// What the group's threads take more where they wake on a core that idles.
    pub(crate) const fn from_idle(constant: &'static str) -> Self {
        Self { constant, times: Times::FromIdle }
    }

    /// By what clients have counted; nothing of what a simulation tells.
    pub(crate) fn counted(&self, counts: &Counts) -> f64 {
        match self.times {
            Times::Counted(times) => times(counts),
            Times::Refilled | Times::FromIdle => 0.0,
        }
    }

    /// A simulation tells how often.
    const fn is_simulated(&self) -> bool {
        !matches!(self.times, Times::Counted(_))
    }

    /// It is a working set.
    const fn is_memory(&self) -> bool {
        matches!(self.times, Times::Refilled)
    }
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
    /// Costs that are not options of the system's `costs`, by what they begin with: the first that
    /// fits.
    pub(crate) tables: &'static [Table],
    /// Costs that no case can tell from another one: taken to be such a share of it.
    pub(crate) shares: &'static [(&'static str, f64, &'static str)],
    /// The cost that says how much of their work comes before its result, in percent.
    pub(crate) before: Option<&'static str>,
    /// Threads of servers that are in none of these groups and that the model has, by what their
    /// names begin with: all others are written into the profile as processes beside the system.
    pub(crate) modelled: &'static [&'static str],
    /// The cost of the memory that a request leaves behind, in bytes, where servers are JVMs.
    pub(crate) garbage: Option<&'static str>,
    /// The cost of what a request leaves behind besides, in per cent of what it carries.
    pub(crate) carried: Option<&'static str>,
    /// How many copies of what is sent stay on a server's heap, where its collections copy them, as
    /// the model has it.
    pub(crate) kept: f64,
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

    /// The option that a constant is.
    pub(crate) fn option<'a>(&self, constant: &'a str) -> CostOption<'a> {
        let of = |table: &Table| {
            let Table { prefix, sections, with_unit, also } = *table;
            let name = constant.strip_prefix(prefix)?;
            Some(CostOption { sections, name, with_unit, also })
        };
        self.tables.iter().find_map(of).unwrap_or(CostOption {
            sections: &["costs"],
            name: constant,
            with_unit: false,
            also: &[],
        })
    }

    /// A constant is one of those that need a simulation.
    pub(crate) fn is_simulated(&self, constant: &str) -> bool {
        self.has(constant, Term::is_simulated)
    }

    /// A constant is a working set.
    pub(crate) fn is_memory(&self, constant: &str) -> bool {
        self.has(constant, Term::is_memory)
    }

    fn has(&self, constant: &str, is: fn(&Term) -> bool) -> bool {
        let mut terms = self.groups.iter().flat_map(|group| group.terms);
        terms.any(|term| term.constant == constant && is(term))
    }
}
