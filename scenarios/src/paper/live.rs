//! Live figures: what `loadgen paper` measures by real tools, a file for each run, and how claims
//! are judged by them: by the same conditions as simulated runs, which repeats take the place of
//! seeds in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::claims::{Claim, Paper, Run, Tool};
use super::judge::{Answer, Part, Verdict, part, told};
use super::runs::Made;
use crate::condition::Condition;
use crate::scenario::Metric;
use crate::scenario::metric::Kind;
use crate::sweep::{Point, Sweep, Variant, Vary};

/// Schema of a file.
const SCHEMA: &str = "headwater-paper-live/1";

/// How the name of a file ends.
const ENDING: &str = ".live.json";

/// A short run of a load test has this share of the events.
const QUICK_SHARE: u64 = 10;

/// How long a short run of `loadgen` warms up.
const QUICK_WARM_UP: &str = "5s";

/// The figures of a load test, which has no reader.
pub const OF_LOAD_TEST: [&str; 6] =
    ["acked_rate", "service.p50", "service.p95", "service.p99", "service.mean", "service.max"];

/// The figures that are kept of a run of `loadgen`.
pub const OF_LOADGEN: [&str; 14] = [
    "offered_rate",
    "acked_rate",
    "consumed_rate",
    "scheduled",
    "acked",
    "acked_share",
    "failed",
    "delivered",
    "lost",
    "ack_gap.max",
    "response.p50",
    "response.p95",
    "response.p99",
    "service.p95",
];

/// A live run: a variant of a run of the claims, as it is made on a real system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The run, by the name that conditions know it by.
    pub run: String,
    /// Its variant, from 0.
    pub variant: usize,
    /// Its scenario.
    pub scenario: String,
    /// What is laid over that, as PATH=VALUE.
    pub settings: Vec<String>,
    /// What makes it.
    pub tool: Tool,
    /// Events that a load test writes.
    pub events: Option<u64>,
    /// Properties that its client is told besides.
    pub besides: Vec<String>,
    /// How long a run of `loadgen` warms up.
    pub warm_up: Option<String>,
    /// Shorter than the claims have it.
    pub quick: bool,
}

impl Spec {
    /// Its name in conditions: `kafka-small.0`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.run, self.variant)
    }

    /// The file of a repeat.
    pub fn file(&self, repeat: u64) -> String {
        format!("{}-{repeat}{ENDING}", self.name())
    }
}

impl Paper {
    /// The live runs that the claims are judged by, in the order of the file.
    pub fn live(&self, quick: bool) -> Vec<Spec> {
        let claims = self.claims.iter().chain(&self.unseen);
        let needed: BTreeSet<String> = claims.flat_map(Claim::live_runs).collect();
        let runs = self.runs.iter().filter(|run| needed.contains(&run.name));
        runs.flat_map(|run| run.live(quick)).collect()
    }
}

impl Run {
    /// A live run for each variant.
    fn live(&self, quick: bool) -> Vec<Spec> {
        let Some(live) = &self.live else { return vec![] };
        let shorter = quick && live.tool == Tool::Loadgen;
        let laid_over: &[String] = if shorter { &self.quick } else { &[] };
        let spec = |(variant, varied): (usize, Vec<String>)| Spec {
            run: self.name.clone(),
            variant,
            scenario: self.scenario.clone(),
            settings: [&self.set[..], laid_over, &varied, &live.set].concat(),
            tool: live.tool,
            events: live.events.map(|all| if quick { all / QUICK_SHARE } else { all }),
            besides: live.besides.clone(),
            warm_up: match shorter {
                true => Some(QUICK_WARM_UP.to_owned()),
                false => live.warm_up.clone(),
            },
            quick,
        };
        self.variants().into_iter().enumerate().map(spec).collect()
    }

    /// What each variant sets.
    fn variants(&self) -> Vec<Vec<String>> {
        let vary = self.vary.iter().filter_map(|text| text.parse::<Vary>().ok());
        vary.fold(vec![vec![]], |variants, vary| {
            let with = |variant: &Vec<String>| {
                let set = |value: &String| {
                    let own = vec![format!("{}={value}", vary.path)];
                    [variant.clone(), own].concat()
                };
                vary.values.iter().map(set).collect::<Vec<_>>()
            };
            variants.iter().flat_map(with).collect()
        })
    }
}

/// A live run that was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    /// Schema of this value as JSON.
    pub schema: String,
    /// What was run.
    pub spec: Spec,
    /// Which repeat it is, from 1.
    pub repeat: u64,
    /// What made it, with its version.
    pub tool: String,
    /// What it was made on.
    pub system: String,
    /// The command line of the tool.
    pub command: String,
    /// The machine.
    pub machine: String,
    /// The day, such as `2026-11-30`.
    pub date: String,
    /// How long the tool wrote, or the traffic was.
    pub seconds: f64,
    /// What else used the machine meanwhile, or was amiss, if anything did: figures that depend on
    /// speed say nothing then.
    pub doubt: Option<String>,
    /// What was measured, by metric; times in seconds.
    pub figures: BTreeMap<String, f64>,
}

impl Measured {
    /// Of a spec, with nothing measured yet.
    pub fn of(spec: Spec, repeat: u64) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            spec,
            repeat,
            tool: String::new(),
            system: String::new(),
            command: String::new(),
            machine: String::new(),
            date: String::new(),
            seconds: 0.0,
            doubt: None,
            figures: BTreeMap::new(),
        }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// Which file it is, where in it, and what was expected.
    pub fn read(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let text = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
        let found: Self = serde_json::from_str(&text).map_err(|error| {
            format!("{shown}: {error}; expected a file as `loadgen paper --out DIR` writes it")
        })?;
        if found.schema != SCHEMA {
            return Err(format!("{shown}: schema `{}`, expected `{SCHEMA}`", found.schema));
        }
        for name in found.figures.keys() {
            Metric::parse(name).map_err(|why| format!("{shown}: figures: {why}"))?;
        }
        Ok(found)
    }

    /// Writes its file into a folder, in one go.
    ///
    /// # Errors
    /// If it can't.
    pub fn write(&self, folder: &Path) -> std::io::Result<PathBuf> {
        let path = folder.join(self.spec.file(self.repeat));
        let text = serde_json::to_string_pretty(self).map_err(std::io::Error::other)?;
        let beside = path.with_extension("part");
        std::fs::write(&beside, text + "\n")?;
        std::fs::rename(&beside, &path)?;
        Ok(path)
    }

    /// Whether it is what `spec` asks for: a full run is as good as a short one.
    pub fn stands_for(&self, spec: &Spec) -> bool {
        self.spec == *spec || (spec.quick && self.spec.name() == spec.name() && !self.spec.quick)
    }
}

/// Live runs that were made.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    all: Vec<Measured>,
    made: Made,
}

impl Gathered {
    /// Of these.
    pub fn of(all: Vec<Measured>) -> Self {
        let mut made = Made::new();
        for one in &all {
            let sweep = made.entry(one.spec.run.clone()).or_insert_with(|| nothing(&one.spec));
            while sweep.variants.len() <= one.spec.variant {
                sweep.variants.push(variant());
            }
            sweep.variants[one.spec.variant].points.push(Point {
                seed: one.repeat,
                fingerprint: String::new(),
                traffic: String::new(),
                ok: true,
                figures: one.figures.clone(),
                reproduce: one.command.clone(),
            });
        }
        Self { all, made }
    }

    /// Those in a folder.
    ///
    /// # Errors
    /// If there are none, or one can't be read or is of other settings than the claims have now.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let shown = folder.display();
        let listed = std::fs::read_dir(folder).map_err(|error| format!("{shown}: {error}"))?;
        let named = |path: &PathBuf| path.to_string_lossy().ends_with(ENDING);
        let mut files: Vec<PathBuf> =
            listed.filter_map(|entry| Some(entry.ok()?.path())).filter(named).collect();
        files.sort();
        if files.is_empty() {
            return Err(format!(
                "{shown} has no live figures (*{ENDING}): `loadgen paper --out {shown}` measures \
                 them"
            ));
        }
        let shipped = Paper::shipped();
        let known = [shipped.live(false), shipped.live(true)].concat();
        let mut all = Vec::new();
        for file in &files {
            let found = Measured::read(file)?;
            if !known.contains(&found.spec) {
                let (file, name) = (file.display(), found.spec.name());
                return Err(format!(
                    "{file}: {name} was made with other settings than the claims have now; \
                     `loadgen paper --out {shown}` makes it again"
                ));
            }
            all.push(found);
        }
        Ok(Self::of(all))
    }

    /// What they say of a claim; nothing where none is of it.
    fn judge(&self, claim: &Claim) -> Option<Live> {
        let runs = claim.live_runs();
        let of_claim = |one: &&Measured| runs.contains(&one.spec.run);
        let mine: Vec<&Measured> = self.all.iter().filter(of_claim).collect();
        if mine.is_empty() {
            return None;
        }
        let parts: Vec<Part> = claim.holds.iter().map(|text| part(text, &self.made)).collect();
        let mut verdict = Verdict::of_all(parts.iter().map(|part| part.verdict));
        let mut told = told(&claim.simulated, &self.made);
        if told.is_empty() {
            told = format!("{} of its runs, not all that it takes", mine.len());
        }
        if mine.iter().any(|one| one.spec.quick) {
            told += " (short runs)";
        }
        let doubtful = |one: &&&Measured| one.doubt.is_some() && depends_on_speed(claim);
        let doubtful: Vec<&&Measured> = mine.iter().filter(doubtful).collect();
        if let Some(first) = doubtful.first() {
            verdict = Verdict::CannotBeKnown;
            let (name, why) = (first.spec.name(), first.doubt.as_deref().unwrap_or_default());
            told += &match doubtful.len() {
                1 => format!("; {name} is in doubt: {why}"),
                all => format!("; {all} runs are in doubt, {name} for one: {why}"),
            };
        }
        let tools: BTreeSet<String> = mine.iter().map(|one| one.tool.clone()).collect();
        Some(Live { verdict, told, parts, tools: tools.into_iter().collect() })
    }

    /// Where, when and how often they were made.
    fn about(&self) -> String {
        let machines: BTreeSet<String> =
            self.all.iter().map(|one| format!("{}, {}", one.machine, one.date)).collect();
        let repeats = self.made.values().flat_map(|run| &run.variants);
        let repeats: BTreeSet<usize> =
            repeats.map(|variant| variant.points.len()).filter(|count| *count > 0).collect();
        let machines = machines.into_iter().collect::<Vec<_>>().join("; ");
        match (repeats.first(), repeats.last()) {
            (Some(1), Some(1)) => format!("{machines}; one run of each: no intervals"),
            (Some(least), Some(most)) if least == most => {
                format!("{machines}; {most} runs of each")
            }
            (Some(least), Some(most)) => format!("{machines}; {least} to {most} runs of each"),
            _ => machines,
        }
    }
}

/// Whether one of its conditions is on a rate or a time: what is lost is so on a busy machine, too.
fn depends_on_speed(claim: &Claim) -> bool {
    let kind = |name: &str| Metric::parse(name).map(|metric| metric.kind());
    let conditions: Vec<Condition> =
        claim.holds.iter().filter_map(|text| Condition::parse(text).ok()).collect();
    let mut figures = conditions.iter().flat_map(Condition::figures);
    figures.any(|(_, name)| matches!(kind(name), Ok(Kind::Time | Kind::Rate)))
}

/// A run without variants.
fn nothing(spec: &Spec) -> Sweep {
    Sweep {
        schema: SCHEMA.to_owned(),
        scenario: spec.scenario.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        reproduce: String::new(),
        metrics: vec![],
        variants: vec![],
        across: None,
        shards: vec![],
        interrupted: false,
    }
}

/// A variant that was not run.
fn variant() -> Variant {
    Variant {
        settings: vec![],
        estimates: BTreeMap::new(),
        differences: BTreeMap::new(),
        points: vec![],
    }
}

/// What live runs say of a claim.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Live {
    /// Whether it holds of them.
    pub verdict: Verdict,
    /// What was measured, with intervals over the repeats.
    pub told: String,
    /// Its conditions.
    pub parts: Vec<Part>,
    /// What measured it.
    pub tools: Vec<String>,
}

impl Answer {
    /// Fills the column of live runs; what was simulated stays as it is.
    pub fn set_live(&mut self, gathered: &Gathered) {
        let seen = self.claims.iter_mut().zip(&self.file.claims);
        let unseen = self.unseen.iter_mut().zip(&self.file.unseen);
        for (judged, claim) in seen.chain(unseen) {
            judged.live = gathered.judge(claim);
        }
        self.live = (!gathered.all.is_empty()).then(|| gathered.about());
    }
}

#[cfg(test)]
mod tests {
    use super::super::Asked;
    use super::*;
    use crate::condition::Side;
    use crate::sweep::setting;

    /// The runs of a claim with these figures.
    fn measured(id: &str, figures: &[(&str, f64)], repeat: u64) -> Vec<Measured> {
        let specs = asked(id).live(false);
        let of = |spec: Spec| {
            let name = spec.name();
            let own = |(figure, value): &(&str, f64)| {
                let (run, metric) = figure.split_once(' ')?;
                (run == name).then(|| (metric.to_owned(), *value))
            };
            let figures: BTreeMap<String, f64> = figures.iter().filter_map(own).collect();
            Measured { figures, ..Measured::of(spec, repeat) }
        };
        specs.into_iter().map(of).filter(|one| !one.figures.is_empty()).collect()
    }

    fn only(id: &str) -> Asked {
        let only = vec![id.to_owned()];
        Asked { profile: None, only, seeds: (1, 0), quick: false, figures: false }
    }

    fn asked(id: &str) -> Paper {
        Paper::shipped().asked(&only(id))
    }

    fn judged(id: &str, all: Vec<Measured>) -> Option<Live> {
        let mut answer = only(id).unsimulated();
        answer.set_live(&Gathered::of(all));
        answer.claims.iter().chain(&answer.unseen).next().expect("it was asked for").live.clone()
    }

    /// Of every claim that something real can tell of, the tools have what it is judged and told
    /// by; every other says why not.
    #[test]
    fn each_claim_is_measured_by_real_tools_or_says_why_not() {
        let paper = Paper::shipped();
        let specs = paper.live(false);
        let has = |of: &str, metric: &str| {
            specs.iter().filter(|spec| spec.name() == of).any(|spec| match spec.tool {
                Tool::LoadTest => OF_LOAD_TEST.contains(&metric),
                Tool::Loadgen => OF_LOADGEN.contains(&metric),
            })
        };
        for claim in paper.claims.iter().chain(&paper.unseen) {
            let conditions = claim.holds.iter().map(|text| Condition::parse(text).expect("one"));
            let figures: Vec<(String, String)> = conditions
                .flat_map(|one| {
                    one.figures().map(|(of, it)| (of.to_owned(), it.to_owned())).collect::<Vec<_>>()
                })
                .chain(claim.simulated.split('{').skip(1).flat_map(|text| {
                    let side = Side::parse(text.split_once('}').expect("closed").0).expect("one");
                    side.figures()
                        .map(|(of, it)| (of.to_owned(), it.to_owned()))
                        .collect::<Vec<_>>()
                }))
                .collect();
            let lacks = figures.iter().find(|(of, metric)| !has(of, metric));
            assert_eq!(lacks.is_some(), claim.not_live.is_some(), "{}: {lacks:?}", claim.id);
        }
    }

    #[test]
    fn every_live_run_can_be_read_also_a_short_one() {
        for spec in [false, true].into_iter().flat_map(|quick| Paper::shipped().live(quick)) {
            let settings: Result<Vec<_>, _> = spec.settings.iter().map(|it| setting(it)).collect();
            let source = crate::scenario::Source::find(&spec.scenario).expect("it ships");
            let read = source.read(&settings.expect("PATH=VALUE"));
            read.unwrap_or_else(|why| panic!("{}: {why}", spec.name()));
            assert_eq!(spec.events.is_some(), spec.tool == Tool::LoadTest);
        }
        let spec = &asked("U2").live(true)[1];
        assert_eq!((spec.name().as_str(), spec.events), ("kafka-typo.1", Some(100_000)));
        assert_eq!(spec.settings, ["system.producer.batch.size=1000"]);
        assert_eq!(spec.besides, ["patch.size=1000"]);
        assert_eq!(spec.file(2), "kafka-typo.1-2.live.json");
    }

    #[test]
    fn a_claim_is_judged_by_stored_figures() {
        let rates = |typo: f64, own: f64| {
            measured(
                "U2",
                &[("kafka-typo.0 acked_rate", typo), ("kafka-typo.1 acked_rate", own)],
                1,
            )
        };
        let holds = judged("U2", rates(90_000.0, 20_000.0)).expect("judged");
        assert_eq!(holds.verdict, Verdict::Holds);
        assert!(holds.told.starts_with("90 MB/s with the default"), "{}", holds.told);
        let other = judged("U2", rates(90_000.0, 40_000.0)).expect("judged");
        assert_eq!(other.verdict, Verdict::DoesNotHold);
        let twice = [rates(90_000.0, 20_000.0), {
            let mut again = rates(90_000.0, 40_000.0);
            again.iter_mut().for_each(|one| one.repeat = 2);
            again
        }];
        let twice = judged("U2", twice.concat()).expect("judged");
        assert_eq!(twice.verdict, Verdict::CannotBeKnown);
        assert!(twice.told.contains('±'), "{}", twice.told);
        assert_eq!(judged("U2", vec![]), None);
    }

    #[test]
    fn a_run_that_is_missing_or_in_doubt_leaves_the_claim_open() {
        let half = judged("U2", measured("U2", &[("kafka-typo.0 acked_rate", 9e4)], 1));
        let half = half.expect("there is a run");
        assert_eq!(half.verdict, Verdict::NotRun);
        assert!(half.told.starts_with("1 of its runs"), "{}", half.told);
        let figures = [("kafka-typo.0 acked_rate", 9e4), ("kafka-typo.1 acked_rate", 1e4)];
        let mut all = measured("U2", &figures, 1);
        all[1].doubt = Some("a build took a core".into());
        let doubtful = judged("U2", all).expect("judged");
        assert_eq!(doubtful.verdict, Verdict::CannotBeKnown);
        let why = "kafka-typo.1 is in doubt: a build took a core";
        assert!(doubtful.told.ends_with(why), "{}", doubtful.told);
        // What is lost is lost on a busy machine, too.
        let figures = [("memory-killed.0 lost", 3_200.0), ("memory-killed.0 acked", 3_200.0)];
        let mut all = measured("U4", &figures, 1);
        all[0].doubt = Some("a build took a core".into());
        assert_eq!(judged("U4", all).expect("judged").verdict, Verdict::Holds);
    }

    #[test]
    fn a_folder_is_read_and_what_is_wrong_in_it_is_named() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let read = || Gathered::read(folder.path());
        let nothing = read().expect_err("there is nothing");
        assert!(nothing.contains("no live figures") && nothing.contains("loadgen paper"));
        let figures = [("kafka-typo.0 acked_rate", 9e4), ("kafka-typo.1 acked_rate", 1e4)];
        for one in measured("U2", &figures, 1) {
            let path = one.write(folder.path()).expect("written");
            assert_eq!(Measured::read(&path), Ok(one));
        }
        assert_eq!(read().expect("read").all.len(), 2);
        let mut old = measured("U2", &figures, 2).remove(0);
        old.spec.settings.push("system.producer.acks=0".into());
        let path = old.write(folder.path()).expect("written");
        let why = read().expect_err("it is of other settings");
        assert!(
            why.contains("kafka-typo.0-2.live.json: kafka-typo.0 was made with other"),
            "{why}"
        );
        std::fs::write(&path, "{\n  \"schema\": 3\n}").expect("written");
        let why = read().expect_err("it is malformed");
        assert!(why.contains("line 2") && why.contains("expected a file as"), "{why}");
    }

    #[test]
    fn a_full_run_stands_for_a_short_one_and_not_the_other_way_round() {
        let [full, short] = [false, true].map(|quick| asked("U2").live(quick).remove(0));
        let of = |spec: &Spec| Measured::of(spec.clone(), 1);
        assert!(of(&full).stands_for(&full) && of(&full).stands_for(&short));
        assert!(of(&short).stands_for(&short) && !of(&short).stands_for(&full));
    }
}
