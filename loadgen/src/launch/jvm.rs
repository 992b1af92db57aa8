//! What launched JVMs tell of themselves: pauses by their unified log, full names of threads by a
//! thread dump.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use headwater_reports::outcome::Mark;

/// A launched JVM.
#[derive(Clone, Debug)]
pub(crate) struct Jvm {
    /// Its name among the launched processes.
    pub(crate) name: String,
    /// What it prints.
    pub(crate) log: PathBuf,
    /// Where its unified logs are, one for each of its starts.
    pub(crate) directory: PathBuf,
}

/// Pauses that are marked one by one at the most; the longest are.
const MARKED_MAX: usize = 200;

/// Safepoints that are no collection are marked from so long on.
const SAFEPOINT_NS: u64 = 1_000_000;

/// How long a JVM may take to print the stacks of its threads.
const DUMPS: Duration = Duration::from_secs(3);

/// What stands at the end of a thread dump (`Threads::print_on` and what follows, vmOperations.cpp
/// @ OpenJDK 17).
const DUMP_ENDS: &str = "JNI global refs";

/// A time in which a JVM stood still, nanoseconds on the machine's monotonic clock.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pause {
    from_ns: u64,
    length_ns: u64,
    /// A collection of garbage, or another safepoint.
    collects: bool,
    what: String,
}

impl Jvm {
    /// The option by which it logs collections and safepoints, with the monotonic clock's time. The
    /// process's id is in the file's name, so that a restart does not write over it.
    pub(crate) fn option(&self) -> String {
        let path = self.directory.join(format!("{}.gc.%p.log", self.name));
        format!("-Xlog:gc*,safepoint:file={}:timenanos,tags:filecount=0", path.display())
    }

    /// Its logs, if it has left any.
    fn logs(&self) -> Option<Vec<String>> {
        let head = format!("{}.gc.", self.name);
        let files = std::fs::read_dir(&self.directory).ok()?.flatten();
        let its = files.filter(|file| file.file_name().to_string_lossy().starts_with(&head));
        let texts: Vec<_> =
            its.filter_map(|file| std::fs::read_to_string(file.path()).ok()).collect();
        (!texts.is_empty()).then_some(texts)
    }

    fn pauses(&self) -> Option<Vec<Pause>> {
        let logs = self.logs()?;
        Some(logs.iter().flat_map(|text| text.lines().filter_map(pause)).collect())
    }
}

/// The pause that a line of the unified log tells of:
/// `[8131061ns][gc] GC(0) Pause Young (Normal) (G1 Evacuation Pause) 24M->4M(256M) 3.123ms`, or
/// `[9131061ns][safepoint] Safepoint "Cleanup", Time since last: ... At safepoint: 1234 ns, Total:
/// 5678 ns`. Both are written at its end.
fn pause(line: &str) -> Option<Pause> {
    let (time, rest) = line.strip_prefix('[')?.split_once("ns][")?;
    let (tags, text) = rest.split_once(']')?;
    let (end, text): (u64, &str) = (time.trim().parse().ok()?, text.trim());
    let (collects, length_ns, what) = match tags.trim() {
        "gc" => {
            let (what, ms) = text.strip_suffix("ms")?.rsplit_once(' ')?;
            let what = what.split_once(") ").map_or(what, |(_, what)| what);
            let length: f64 = ms.parse().ok()?;
            (what.starts_with("Pause"), (length * 1e6) as u64, what)
        }
        "safepoint" => {
            let (what, rest) = text.strip_prefix("Safepoint \"")?.split_once('"')?;
            let total = rest.rsplit_once("Total:")?.1.trim().strip_suffix("ns")?;
            let collects = what.starts_with("G1") || what.contains("Collect");
            (false, if collects { 0 } else { total.trim().parse().ok()? }, what)
        }
        _ => return None,
    };
    let counts = collects || (tags.trim() == "safepoint" && length_ns >= SAFEPOINT_NS);
    let from_ns = end.saturating_sub(length_ns);
    counts.then(|| Pause { from_ns, length_ns, collects, what: what.to_owned() })
}

/// A collection of the young generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Collection {
    /// Which JVM.
    pub(crate) jvm: usize,
    /// When it began, nanoseconds on the machine's monotonic clock.
    pub(crate) at_ns: u64,
    /// How long it took.
    pub(crate) length_ns: u64,
    /// What of the heap was in use before it, to the MiB.
    pub(crate) before_bytes: u64,
    /// And after it.
    pub(crate) after_bytes: u64,
    /// What survived, and was copied: within the young generation, and out of it.
    pub(crate) copied_bytes: u64,
}

/// The collections of young generations by JVM and time.
pub(crate) fn collections(jvms: &[Jvm]) -> Vec<Collection> {
    let each = |(jvm, of): (usize, &Jvm)| {
        let logs = of.logs().unwrap_or_default();
        let mut found: Vec<_> = logs.iter().flat_map(|text| young(jvm, text)).collect();
        found.sort_by_key(|collection| collection.at_ns);
        found
    };
    jvms.iter().enumerate().flat_map(each).collect()
}

/// What a log tells of the young generation. A collection's lines on the heap come before that on
/// its pause.
fn young(jvm: usize, text: &str) -> Vec<Collection> {
    let (mut region, mut copied, mut all) = (0, 0_i64, vec![]);
    for line in text.lines() {
        let told = line.split_once("] ").map_or("", |(_, told)| told.trim());
        if let Some(size) = told.strip_prefix("Heap Region Size: ") {
            region = bytes(size).unwrap_or(0);
        }
        if line.contains("[gc,start") {
            copied = 0;
        }
        copied += survived(told, region).unwrap_or(0);
        all.extend(pause(line).and_then(|pause| collection(jvm, &pause, copied.max(0) as u64)));
    }
    all
}

/// Bytes that survived, by a line such as `GC(24) DefNew: 608594K(629120K)->50859K(629120K) Eden:
/// ...` and `GC(24) Tenured: 296129K(1398144K)->312529K(1398144K)` of the serial collector, or
/// `GC(3) Survivor regions: 2->3(4)` and `GC(3) Old regions: 10->12` of G1.
fn survived(told: &str, region: u64) -> Option<i64> {
    let (what, sizes) = told.split_once(") ")?.1.split_once(": ")?;
    let (before, after) = sizes.split_once("->")?;
    let after = after.split_whitespace().next()?.split('(').next()?;
    let before = before.split('(').next()?;
    let regions = |text: &str| Some((text.parse::<u64>().ok()? * region) as i64);
    let kib = |text: &str| Some(bytes(text)? as i64);
    match what {
        "DefNew" => kib(after),
        "Tenured" => Some(kib(after)? - kib(before)?),
        "Survivor regions" => regions(after),
        "Old regions" => Some(regions(after)? - regions(before)?),
        _ => None,
    }
}

/// A size such as `24M` or `608594K`.
fn bytes(text: &str) -> Option<u64> {
    let units = [('K', 10), ('M', 20), ('G', 30)];
    let of = |(unit, shift)| Some(text.strip_suffix(unit)?.parse::<u64>().ok()? << shift);
    units.into_iter().find_map(of)
}

/// From `Pause Young (Normal) (G1 Evacuation Pause) 24M->4M(256M)`, or from the serial collector's
/// `Pause Young (Allocation Failure) 887M->360M(1979M)`.
fn collection(jvm: usize, pause: &Pause, copied_bytes: u64) -> Option<Collection> {
    let (what, heap) = pause.what.rsplit_once(' ')?;
    let (before, after) = heap.split_once('(')?.0.split_once("->")?;
    let young = ["Pause Young (Normal)", "Pause Young (Allocation Failure)"];
    young.iter().any(|kind| what.starts_with(kind)).then_some(Collection {
        jvm,
        at_ns: pause.from_ns,
        length_ns: pause.length_ns,
        before_bytes: bytes(before)?,
        after_bytes: bytes(after)?,
        copied_bytes,
    })
}

/// What was found of the pauses of all JVMs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pauses {
    /// The longest as marks, by time.
    pub(crate) marks: Vec<Mark>,
    /// In a line for each JVM.
    pub(crate) lines: Vec<String>,
    /// Some JVM has left no log.
    pub(crate) missing: bool,
}

/// The pauses of `jvms` in a run that started at `started` on the monotonic clock and took `length`
/// nanoseconds.
pub(crate) fn pauses(jvms: &[Jvm], started: u64, length: u64) -> Pauses {
    let (mut all, mut lines, mut missing) = (vec![], vec![], false);
    for jvm in jvms {
        let Some(found) = jvm.pauses() else {
            missing = true;
            lines.push(format!("{} left no log of its pauses", jvm.name));
            continue;
        };
        let inside = |pause: &Pause| (started..started + length).contains(&pause.from_ns);
        let found: Vec<Pause> = found.into_iter().filter(inside).collect();
        lines.push(tell(&jvm.name, &found));
        all.extend(found.into_iter().map(|pause| (jvm.name.clone(), pause)));
    }
    all.sort_by_key(|(_, pause)| std::cmp::Reverse(pause.length_ns));
    let left_out = all.len().saturating_sub(MARKED_MAX);
    all.truncate(MARKED_MAX);
    if left_out > 0 {
        lines.push(format!("{left_out} shorter ones are not marked"));
    }
    let mark = |(name, pause): &(String, Pause)| {
        let (ms, what) = (pause.length_ns as f64 / 1e6, &pause.what);
        Mark {
            at_ns: pause.from_ns - started,
            name: if pause.collects { "gc_pause" } else { "safepoint" }.into(),
            detail: format!("{name}: {ms:.3} ms, {what}"),
        }
    };
    let mut marks: Vec<Mark> = all.iter().map(mark).collect();
    marks.sort_by_key(|mark| mark.at_ns);
    Pauses { marks, lines, missing }
}

fn tell(name: &str, pauses: &[Pause]) -> String {
    let ms = |ns: u64| ns as f64 / 1e6;
    let of = |collects: bool| {
        let all = pauses.iter().filter(move |pause| pause.collects == collects);
        let longest = all.clone().map(|pause| pause.length_ns).max().unwrap_or(0);
        let sum: u64 = all.clone().map(|pause| pause.length_ns).sum();
        (all.count(), ms(longest), ms(sum))
    };
    let ((collections, longest, sum), (others, longest_other, _)) = (of(true), of(false));
    let mut text = format!("{name}: {collections} collections");
    if collections > 0 {
        text += &format!(", the longest {longest:.1} ms, {sum:.1} ms in all");
    }
    if others > 0 {
        text +=
            &format!("; {others} other safepoints of 1 ms and more, up to {longest_other:.1} ms");
    }
    text
}

/// Names of threads by their ids, from the thread dump that each JVM prints when `ask`ed for it by
/// SIGQUIT.
pub(crate) fn thread_names(
    jvms: &[Jvm],
    mut ask: impl FnMut(&str) -> bool,
) -> BTreeMap<u32, String> {
    let read = |log: &Path| std::fs::read_to_string(log).unwrap_or_default();
    let mut names = BTreeMap::new();
    for jvm in jvms {
        let before = read(&jvm.log).matches(DUMP_ENDS).count();
        // One that has ended can't be asked.
        if !ask(&jvm.name) {
            continue;
        }
        let since = Instant::now();
        let mut text = read(&jvm.log);
        while text.matches(DUMP_ENDS).count() <= before && since.elapsed() < DUMPS {
            std::thread::sleep(Duration::from_millis(20));
            text = read(&jvm.log);
        }
        names.extend(text.lines().filter_map(thread_name));
    }
    names
}

/// The thread of a line such as `"main" #1 prio=5 os_prio=0 cpu=1.2ms elapsed=3s tid=0x00 nid=0x1a
/// runnable`; from JDK 19 on its id is decimal.
fn thread_name(line: &str) -> Option<(u32, String)> {
    let (name, rest) = line.strip_prefix('"')?.rsplit_once('"')?;
    let id = rest.split_once(" nid=")?.1.split_whitespace().next()?;
    let id = match id.strip_prefix("0x") {
        Some(hex) => u32::from_str_radix(hex, 16).ok()?,
        None => id.parse().ok()?,
    };
    Some((id, name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
[1000000000ns][gc,start    ] GC(7) Pause Young (Normal) (G1 Evacuation Pause)
[1013250000ns][gc          ] GC(7) Pause Young (Normal) (G1 Evacuation Pause) 619M->28M(1024M) \
13.250ms
[1013251000ns][gc,cpu      ] GC(7) User=0.02s Sys=0.00s Real=0.01s
[1013300000ns][safepoint   ] Safepoint \"G1CollectForAllocation\", Time since last: 5 ns, Reaching \
safepoint: 6 ns, At safepoint: 7 ns, Total: 13300000 ns
[1100000000ns][safepoint   ] Safepoint \"ICBufferFull\", Time since last: 5 ns, Reaching \
safepoint: 6 ns, At safepoint: 7 ns, Total: 40000 ns
[1200000000ns][safepoint   ] Safepoint \"Cleanup\", Time since last: 5 ns, Reaching \
safepoint: 6 ns, At safepoint: 7 ns, Total: 2500000 ns
[9000000000ns][gc          ] GC(8) Concurrent Mark Cycle 55.1ms
";

    fn jvm(directory: &Path) -> Jvm {
        let log = directory.join("broker-1.log");
        Jvm { name: "broker-1".into(), log, directory: directory.to_owned() }
    }

    #[test]
    fn collections_and_long_safepoints_are_marked_at_their_beginning() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("broker-1.gc.17.log"), LOG).unwrap();
        let found = pauses(&[jvm(folder.path())], 900_000_000, 1_000_000_000);
        assert!(!found.missing);
        assert_eq!(
            found.lines,
            ["broker-1: 1 collections, the longest 13.2 ms, 13.2 ms in all; 1 other safepoints \
              of 1 ms and more, up to 2.5 ms"]
        );
        let marks: Vec<_> = (found.marks.iter())
            .map(|mark| (mark.at_ns, mark.name.as_str(), mark.detail.as_str()))
            .collect();
        let young = "broker-1: 13.250 ms, Pause Young (Normal) (G1 Evacuation Pause) \
                     619M->28M(1024M)";
        assert_eq!(
            marks,
            [
                (100_000_000, "gc_pause", young),
                (297_500_000, "safepoint", "broker-1: 2.500 ms, Cleanup"),
            ]
        );
        let later = pauses(&[jvm(folder.path())], 2_000_000_000, 1_000_000_000);
        assert_eq!(later.marks, []);
    }

    #[test]
    fn collections_of_the_young_tell_what_the_heap_held() {
        let directory = tempfile::tempdir().unwrap();
        let found = |text: &str| {
            std::fs::write(directory.path().join("broker-1.gc.7.log"), text).unwrap();
            collections(&[jvm(directory.path())])
        };
        let first = Collection {
            jvm: 0,
            at_ns: 8_131_061 - 3_123_000,
            length_ns: 3_123_000,
            before_bytes: 240 << 20,
            after_bytes: 40 << 20,
            copied_bytes: 5 << 20,
        };
        let g1 = "[1031061ns][gc,init] Heap Region Size: 1M\n\
                  [8130001ns][gc,start     ] GC(0) Pause Young (Normal) (G1 Evacuation Pause)\n\
                  [8130061ns][gc,heap      ] GC(0) Survivor regions: 2->3(4)\n\
                  [8130061ns][gc,heap      ] GC(0) Old regions: 35->37\n\
                  [8131061ns][gc] GC(0) Pause Young (Normal) (G1 Evacuation Pause) \
                  240M->40M(1024M) 3.123ms\n\
                  [9131061ns][gc] GC(1) Pause Remark 41M->41M(1024M) 2.000ms\n";
        assert_eq!(found(g1), [first]);
        let serial = "[8130061ns][gc,heap      ] GC(0) DefNew: 614848K(629120K)->3072K(629120K) \
                      Eden: 559232K(559232K)->0K(559232K) From: 50859K(69888K)->3072K(69888K)\n\
                      [8130061ns][gc,heap      ] GC(0) Tenured: 10240K(1398144K)->\
                      12288K(1398144K)\n\
                      [8131061ns][gc] GC(0) Pause Young (Allocation Failure) 240M->40M(1024M) \
                      3.123ms\n";
        assert_eq!(found(serial), [first]);
    }

    #[test]
    fn a_log_that_is_missing_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let found = pauses(&[jvm(folder.path())], 0, 1);
        assert!(found.missing);
        assert_eq!(found.lines, ["broker-1 left no log of its pauses"]);
    }

    #[test]
    fn threads_are_named_by_a_dump() {
        let folder = tempfile::tempdir().unwrap();
        let jvm = jvm(folder.path());
        let dump = "\"scheduler-0\" #51 daemon prio=5 tid=0x00007f nid=0x1f4 waiting\n\
                    \"C2 CompilerThread0\" #5 daemon prio=9 tid=0x00007e nid=77 runnable\n\
                    JNI global refs: 21\n";
        let asked = |name: &str| {
            assert_eq!(name, "broker-1");
            std::fs::write(&jvm.log, dump).is_ok()
        };
        let names = thread_names(std::slice::from_ref(&jvm), asked);
        let told: Vec<_> = names.iter().map(|(id, name)| (*id, name.as_str())).collect();
        assert_eq!(told, [(77, "C2 CompilerThread0"), (500, "scheduler-0")]);
        assert!(thread_names(&[jvm], |_| false).is_empty());
    }
}
