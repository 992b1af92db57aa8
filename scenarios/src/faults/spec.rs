//! Faults as written in a scenario file: what, to whom, when, for how long.
//!
//! ```toml
//! [[fault]]
//! kind = "crash"       # what; see docs/FAULTS.md
//! target = "leader"    # a node (`broker-1`), a role, or a list of these; see [`Target`]
//! at = "10s"           # from the start of the traffic
//! for = "5s"           # or until = "15s"; without either it stays
//! ```

use headwater_sim::time::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::kind::Action;
use crate::targets::Target;
use headwater_reading::decode;
use headwater_reading::problem::{Finding, nearest};
use headwater_reading::tree::{Tree, Value};

/// One fault.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultSpec {
    /// What happens.
    pub action: Action,
    /// To whom.
    pub target: Target,
    /// When, from the start of the traffic.
    pub at: Duration,
    /// When it is over; `None` if it lasts.
    pub until: Option<Duration>,
}

/// The target and time of a fault, as written in a file; the rest of the table is the action.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Occasion {
    /// To whom: a node (`broker-1`), a group, an office (`leader`), or a list of these.
    target: Target,
    /// When, from the start of the traffic.
    at: Duration,
    /// How long; without it and without `until` it lasts.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    lasts: Option<Duration>,
    /// When it is over, in place of `for`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<Duration>,
}

/// The keys of [`Occasion`].
const OCCASION: [&str; 4] = ["target", "at", "for", "until"];

impl Occasion {
    fn until(&self) -> Result<Option<Duration>, String> {
        match (self.lasts, self.until) {
            (Some(_), Some(_)) => Err("`for` and `until` exclude each other".into()),
            (Some(Duration::ZERO), None) => Err("`for` is 0s; expected a time above zero".into()),
            (Some(lasts), None) => Ok(Some(self.at + lasts)),
            (None, Some(until)) if until <= self.at => {
                Err(format!("`until` ({until}) is not after `at` ({})", self.at))
            }
            (None, until) => Ok(until),
        }
    }
}

/// A key that is none of the parameters may have been meant for the occasion.
fn of_occasion(finding: &mut Finding) {
    let unknown = finding.message.strip_prefix("unknown key `").and_then(|m| m.split('`').next());
    let near = unknown.and_then(|unknown| nearest(unknown, OCCASION));
    let named = finding.help.as_ref().is_some_and(|help| help.starts_with("did you mean"));
    if let (Some(near), false) = (near, named) {
        finding.help = Some(format!("did you mean `{near}`?"));
    }
}

impl FaultSpec {
    /// Reads a table of the list `[[fault]]`, which stands under `at` (such as `fault.0`).
    pub fn read(tree: &Tree, at: &str, findings: &mut Vec<Finding>) -> Option<Self> {
        let Value::Table(_) = &tree.value else {
            findings.push(Finding::new(format!("{at} is a table"), tree.span.clone()));
            return None;
        };
        let mut action = tree.clone();
        for key in OCCASION {
            action.take(key);
        }
        let mut occasion = tree.clone();
        for key in action.table().into_iter().flatten().map(|(key, _)| key) {
            occasion.take(key);
        }
        let before = findings.len();
        let action = Action::read(&action, at, findings);
        findings[before..].iter_mut().for_each(of_occasion);
        let occasion: Option<Occasion> = decode::decode(&occasion, at, findings);
        let (action, occasion) = (action?, occasion?);
        let read = occasion.until().and_then(|until| {
            if occasion.target.0.is_empty() {
                return Err("`target` is an empty list; expected at least one node".into());
            }
            if until.is_none() && action.entry().needs_end {
                return Err("needs `for` or `until`: how long it lasts".into());
            }
            Ok(Self { action, target: occasion.target, at: occasion.at, until })
        });
        read.map_err(|why| findings.push(Finding::new(format!("{at}: {why}"), tree.span.clone())))
            .ok()
    }

    /// The fault as a table of the list `[[fault]]`.
    pub fn to_table(&self) -> toml::Table {
        let lasts = self.until.map(|until| until.saturating_sub(self.at));
        let occasion = Occasion { target: self.target.clone(), at: self.at, lasts, until: None };
        let mut table = self.action.to_table();
        table.extend(toml::Table::try_from(occasion).expect("an occasion is plain data"));
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<FaultSpec, String> {
        let mut findings = Vec::new();
        let tree = Tree::parse(text).unwrap();
        let read = FaultSpec::read(&tree, "fault.0", &mut findings);
        let said = |finding: &Finding| format!("{} {:?}", finding.message, finding.help);
        read.ok_or_else(|| findings.iter().map(said).collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn a_fault_is_read_as_written_and_written_as_read() {
        let text = "kind = 'slow-disk'\ntarget = 'bookies'\nat = '5s'\nfor = '2s'\nfactor = 10";
        let fault = read(text).unwrap();
        assert_eq!(fault.action, "kind = 'slow-disk'\ndisk = 0\nfactor = 10.0".parse().unwrap());
        assert_eq!(fault.until, Some(Duration::from_secs(7)));
        assert_eq!(read(&fault.to_table().to_string()), Ok(fault));
        let text = "kind = 'partition'\ntarget = ['broker-1', 'broker-2']\nat = '1s'";
        let fault = read(text).unwrap();
        assert_eq!(fault.action, "kind = 'partition'\nsymmetric = true".parse().unwrap());
        assert_eq!(fault.target.to_string(), "broker-1, broker-2");
        let text = "kind = 'slow-link'\ntarget = 'a'\nat = '1s'\nextra = '50ms'";
        let parameters = read(text).unwrap().action.parameters();
        assert_eq!(parameters["extra"].as_str(), Some("50ms"));
    }

    #[test]
    fn every_kind_in_the_catalogue_is_written_and_read_again() {
        for entry in super::super::entries() {
            let mut stream = headwater_sim::random::Seed(3).stream("draw", 0);
            let action = (entry.draw)(&mut stream);
            assert_eq!(action.name(), entry.name);
            let (target, at) = (Target(vec!["a".into()]), Duration::from_secs(1));
            let fault = FaultSpec { action, target, at, until: Some(at * 3) };
            assert_eq!(read(&fault.to_table().to_string()), Ok(fault), "{}", entry.name);
        }
    }

    #[test]
    fn what_would_have_no_effect_is_refused() {
        let cases = [
            ("kind = 'crash'\ntarget = 'a'\nat = '1s'\nfactor = 3", "unknown key `factor`"),
            ("kind = 'slow-cpu'\ntarget = 'a'\nat = '1s'\nfaktor = 3", "did you mean `factor`?"),
            ("kind = 'slow-cpu'\ntarget = 'a'\nat = '1s'\nfactor = 0", "expected 0.01 to"),
            ("kind = 'loss'\ntarget = 'a'\nat = '1s'\nrate = 1.5", "expected 0 to 1"),
            ("kind = 'crash-loop'\ntarget = 'a'\nat = '1s'", "needs `for`"),
            ("kind = 'crash'\ntarget = 'a'\nat = '3s'\nuntil = '2s'", "not after `at`"),
            ("kind = 'slow-link'\ntarget = 'a'\nat = '1s'", "missing field `extra`"),
            ("kind = 'crahs'\ntarget = 'a'\nat = '1s'", "did you mean `crash`?"),
            ("kind = 7\ntarget = 'a'\nat = '1s'", "kind = \\\"crash\\\""),
            ("target = 'a'\nat = '1s'", "missing field `kind`"),
            ("kind = 'crash'\ntarget = 3\nat = '1s'", "expected a node"),
        ];
        for (text, want) in cases {
            let error = read(text).unwrap_err();
            assert!(error.contains(want), "{text}: {error}");
        }
    }
}
