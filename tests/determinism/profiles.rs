//! One fingerprint: in two runs, in every build profile, on one thread and on many, with and
//! without a log of everything.

use headwater_scenarios::determinism::{self, Checked, Ran};
use headwater_scenarios::scenario::Scenario;
use headwater_scenarios::trace::Watch;
use headwater_tests::workspace;

/// A scenario with a crash, an election and clients that come back.
const NAME: &str = "faults/broker-crash";

/// The fingerprint that the library's snapshot of this scenario has: that of the profile in which
/// the snapshot was taken. `.ci/run` holds an optimised build to all snapshots.
fn golden() -> u64 {
    let path = workspace::root().join("scenarios/tests/snapshots/faults__broker-crash.snap");
    let text = std::fs::read_to_string(&path).expect("the library has a snapshot");
    let line = text.lines().find_map(|line| line.trim().strip_prefix("\"fingerprint\": \""));
    let digits = line.and_then(|line| line.split('"').next()).expect("with a fingerprint");
    u64::from_str_radix(digits, 16).expect("hexadecimal")
}

#[test]
fn one_fingerprint_in_two_runs_both_profiles_many_threads_and_with_everything_logged() {
    let scenario = Scenario::load(NAME, &[]).unwrap_or_else(|problems| panic!("{problems}"));
    let run = determinism::scenario(&scenario, scenario.seed, None);
    let golden = golden();
    let first = run(&Watch::Nothing);
    assert_eq!(first.fingerprint, golden, "as in the snapshot: {:016x}", first.fingerprint);
    let logged = run(&Watch::everything());
    assert!(logged.trace.records().len() as u64 > logged.events / 2, "everything was logged");
    assert_eq!(logged.fingerprint, golden, "with everything logged");
    assert_eq!(logged.result, first.result, "with everything logged");
    for threads in [1, 4] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        let runs: Vec<Ran> = pool.expect("threads can be started").install(|| {
            use rayon::prelude::*;
            (0..threads).into_par_iter().map(|_| run(&Watch::Nothing)).collect()
        });
        for ran in runs {
            assert_eq!(ran.fingerprint, golden, "on {threads} threads");
            assert_eq!(ran.result, first.result, "on {threads} threads");
        }
    }
    let checked = determinism::check(&first, &run);
    assert!(matches!(checked, Checked::Same { runs: 4, .. }), "{checked}");
}
