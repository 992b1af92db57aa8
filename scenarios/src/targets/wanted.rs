//! What one name of a target asks for: whom, and what else those are or are not.
//!
//! ```toml
//! target = "leader"                          # whoever leads
//! target = "leader that is controller"       # the leader, if it is the controller as well
//! target = "leader that is not controller"
//! target = "follower that is not controller" # one that is neither
//! ```

use headwater_models::batch::StreamId;
use headwater_models::signal::Roles;

use super::{FOLLOWER, LEADER, Roster, Target};

/// Between a name and a condition on it.
const THAT_IS: &str = " that is ";

/// Before what they are not.
const NOT: &str = "not ";

/// One name of a target, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted<'a> {
    /// Whom: a node, a group, a domain, an office.
    pub(super) name: &'a str,
    /// What they have to be (true) or may not be (false), each a name as well.
    pub(super) conditions: Vec<(bool, &'a str)>,
}

impl<'a> Wanted<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let mut parts = text.split(THAT_IS).map(str::trim);
        let name = parts.next().unwrap_or_default();
        let condition = |part: &'a str| match part.strip_prefix(NOT) {
            Some(name) => (false, name.trim()),
            None => (true, part),
        };
        Self { name, conditions: parts.map(condition).collect() }
    }

    /// Every name in it.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        std::iter::once(self.name).chain(self.conditions.iter().map(|(_, name)| *name))
    }
}

impl Target {
    /// Every name that it mentions, without what stands between them.
    pub fn mentions(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|text| Wanted::of(text).names().collect::<Vec<_>>())
    }

    /// Whether it has to be known who holds this office.
    pub fn asks_for(&self, office: &str) -> bool {
        self.mentions().any(|name| match name.rsplit('.').next() {
            Some(FOLLOWER) => office == LEADER,
            name => name == Some(office),
        })
    }

    /// The systems that have to begin with two of their offices in certain hands for this target
    /// to be there, and how.
    pub fn roles(&self, roster: &Roster) -> Vec<(StreamId, Roles)> {
        let of_text = |text: &String| {
            let Wanted { name, conditions } = Wanted::of(text);
            let whom = match roster.scope(name) {
                (_, FOLLOWER) => (false, name.replace(FOLLOWER, LEADER)),
                _ => (true, name.to_owned()),
            };
            let conditions = conditions.into_iter().map(|(is, name)| (is, name.to_owned()));
            let all: Vec<(bool, String)> = std::iter::once(whom).chain(conditions).collect();
            let streams = (0..roster.systems.len() as u32).map(StreamId);
            streams.filter_map(move |stream| Some((stream, roles(roster, stream, &all)?)))
        };
        self.0.iter().flat_map(of_text).collect()
    }
}

/// How two offices of a system are held where each name is (true) or is not (false) that of who is
/// wanted.
fn roles(roster: &Roster, stream: StreamId, wanted: &[(bool, String)]) -> Option<Roles> {
    let office = |(is, name): &(bool, String)| {
        let of = roster.offices_named(name).find(|of| of.stream == stream)?;
        Some((*is, of.office.name))
    };
    let mut offices = wanted.iter().filter_map(office);
    let first = offices.next()?;
    let other = offices.find(|other| other.1 != first.1)?;
    Some(if first.0 == other.0 { Roles::Together } else { Roles::Apart })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;

    fn roles_of(target: &str) -> Vec<Roles> {
        let text = "title = 't'\nhypothesis = 'h'\nprofile = 'small-vm'\n\
                    [system]\nkind = 'kafka'\nbrokers = 3\n'replication.factor' = 3\n";
        let scenario = Scenario::parse(text, "t.toml", None, &[]).unwrap();
        let roles = Target(vec![target.into()]).roles(&scenario.systems.roster());
        roles.into_iter().map(|(_, roles)| roles).collect()
    }

    #[test]
    fn a_name_is_taken_apart() {
        let wanted = Wanted::of("tweets.leader that is not controller that is zone-1");
        assert_eq!(wanted.name, "tweets.leader");
        assert_eq!(wanted.conditions, [(false, "controller"), (true, "zone-1")]);
        assert_eq!(Wanted::of("leader").conditions, []);
        let target = Target(vec!["follower that is not controller".into()]);
        let asks = ["leader", "controller", "broker-1"].map(|office| target.asks_for(office));
        assert_eq!(asks, [true, true, false]);
    }

    #[test]
    fn two_offices_are_wanted_in_one_hand_or_in_two() {
        let cases = [
            ("leader", None),
            ("follower", None),
            ("broker-1 that is not leader", None),
            ("leader that is controller", Some(Roles::Together)),
            ("leader that is not controller", Some(Roles::Apart)),
            ("controller that is not leader", Some(Roles::Apart)),
            ("follower that is controller", Some(Roles::Apart)),
            ("follower that is not controller", Some(Roles::Together)),
            ("brokers that is not leader that is not controller", Some(Roles::Together)),
        ];
        for (target, roles) in cases {
            assert_eq!(roles_of(target).first().copied(), roles, "{target}");
        }
    }
}
