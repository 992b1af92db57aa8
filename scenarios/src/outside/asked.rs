//! Whether each query of the users was answered, or counted as failed.
//!
//! The queries are drawn a second time beside the run. One that was due in a life of the users' has
//! one end, after it was due and within their patience; a life that was cut off may have left open
//! what it had last.

use std::collections::BTreeMap;

use headwater_models::batch::StreamId;
use headwater_models::queries::{Asked, Load, Queries};
use headwater_sim::random::Seed;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;

use super::{Found, Sim};
use crate::scenario::metric::ASKED;
use headwater_check::{Finding, Verdict, grouped};

/// Beyond their patience: timers have slack, and users that stand still tell when they go on.
const SLACK: Duration = Duration::from_millis(200);

/// A life of the users.
#[derive(Clone, Copy, Debug)]
struct Life {
    /// Its first query.
    first: u64,
    /// When it last told anything: by then it was there.
    last_told: Time,
}

/// The ends of queries, by their numbers.
type Ends = BTreeMap<u64, Vec<(Time, Asked)>>;

/// What became of the queries of `users` in a run of `seed`.
pub(super) fn look(
    sim: &Sim,
    seed: Seed,
    (stream, users): (StreamId, NodeId),
    load: &Load,
) -> Verdict {
    let (mut lives, ends) = told(sim, stream);
    // The last life is there to the end, unless it has ended.
    if let Some(life) = lives.last_mut().filter(|_| sim.is_up(users)) {
        life.last_told = sim.now();
    }
    judge(&lives, &ends, Queries::new(load, seed, users), (load.limit, sim.now()), stream)
}

fn told(sim: &Sim, stream: StreamId) -> (Vec<Life>, Ends) {
    let (mut lives, mut ends) = (Vec::<Life>::new(), Ends::new());
    for (of, at, number, state) in &sim.observer().queries {
        if *of != stream {
            continue;
        }
        match state {
            Asked::First => lives.push(Life { first: *number, last_told: *at }),
            Asked::Answered | Asked::Failed => {
                ends.entry(*number).or_default().push((*at, *state));
            }
        }
        if let Some(life) = lives.last_mut() {
            life.last_told = *at;
        }
    }
    (lives, ends)
}

fn judge(
    lives: &[Life],
    ends: &Ends,
    queries: impl Iterator<Item = headwater_models::queries::Query>,
    (limit, now): (Duration, Time),
    stream: StreamId,
) -> Verdict {
    let mut found = Found::default();
    let [mut answered, mut failed, mut open] = [0_u64; 3];
    let mut known = 0;
    for query in queries.take_while(|query| query.at <= now) {
        known = query.number + 1;
        let amiss = match ends.get(&query.number).map(Vec::as_slice) {
            None => {
                let life = lives.iter().rfind(|life| life.first <= query.number);
                let by = query.at + limit + SLACK;
                let over = life.is_some_and(|life| by <= life.last_told);
                open += u64::from(!over);
                over.then_some("without an end")
            }
            Some([(at, _)]) if *at < query.at => Some("ended before it was due"),
            Some([(at, Asked::Answered)]) if at.since(query.at) > limit + SLACK => {
                Some("answered too late")
            }
            Some([(_, state)]) => {
                answered += u64::from(*state == Asked::Answered);
                failed += u64::from(*state == Asked::Failed);
                None
            }
            Some(_) => Some("ended several times"),
        };
        found.checked += 1;
        if let Some(what) = amiss {
            let detail = format!("query {}, due at {}", query.number, query.at);
            found.add(|| Finding { detail, ..Finding::at(what, query.at) });
        }
    }
    for (number, of) in ends.range(known..) {
        let detail = format!("query {number}");
        found.add(|| Finding { detail, ..Finding::at("ended and never due", of[0].0) });
    }
    let shares = found.shares();
    let [answered, failed, open] = [answered, failed, open].map(grouped);
    let summary = format!(
        "{shares} queries without one end; {answered} answered, {failed} failed, {open} not asked \
         or cut off"
    );
    found.verdict(ASKED, stream, summary)
}

#[cfg(test)]
mod tests {
    use super::*;
    use headwater_models::queries::Query;

    const LIMIT: Duration = Duration::from_secs(1);

    fn s(tenths: u64) -> Time {
        Time(tenths * 100_000_000)
    }

    /// Ten queries, one each second, in a run of 20 s.
    fn judged(lives: &[Life], ends: &[(u64, Time, Asked)]) -> (u64, String) {
        let queries = (0..10).map(|number| Query { number, at: s(10 * number), key: 0 });
        let mut by_number = Ends::new();
        for (number, at, state) in ends {
            by_number.entry(*number).or_default().push((*at, *state));
        }
        let verdict = judge(lives, &by_number, queries, (LIMIT, s(200)), StreamId(0));
        (verdict.violations, verdict.summary)
    }

    fn all() -> Vec<(u64, Time, Asked)> {
        (0..10).map(|number| (number, s(10 * number + 2), Asked::Answered)).collect()
    }

    const WHOLE: Life = Life { first: 0, last_told: Time(20_000_000_000) };

    #[test]
    fn each_query_has_one_end_in_time() {
        assert_eq!(judged(&[WHOLE], &all()).0, 0);
        let failed: Vec<_> = all().into_iter().map(|(of, at, _)| (of, at, Asked::Failed)).collect();
        let (violations, summary) = judged(&[WHOLE], &failed);
        assert_eq!(violations, 0);
        assert!(summary.contains("0 answered, 10 failed"), "{summary}");
        assert_eq!(judged(&[WHOLE], &all()[1..]).0, 1);
        assert_eq!(judged(&[WHOLE], &[]).0, 10);
        for odd in [(3, s(33), Asked::Failed), (12, s(33), Asked::Answered)] {
            assert_eq!(judged(&[WHOLE], &[all(), vec![odd]].concat()).0, 1, "{odd:?}");
        }
        for at in [s(29), s(43)] {
            let mut odd = all();
            odd[3].1 = at;
            assert_eq!(judged(&[WHOLE], &odd).0, 1, "{at}");
        }
    }

    #[test]
    fn a_life_that_is_cut_off_leaves_open_what_it_had_last() {
        let lives = [Life { first: 0, last_told: s(45) }, Life { first: 7, ..WHOLE }];
        // 4 was on its way, 5 and 6 fell into the gap.
        let mut ends = all();
        ends.retain(|(number, ..)| !(4..7).contains(number));
        let (violations, summary) = judged(&lives, &ends);
        assert_eq!(
            (violations, summary.contains("3 not asked or cut off")),
            (0, true),
            "{summary}"
        );
        ends.retain(|(number, ..)| *number != 2);
        assert_eq!(judged(&lives, &ends).0, 1);
    }
}
