//! Pravega's Java client as fast as it takes events: what pravega-benchmark does with
//! `-throughput -1` (`PravegaWriterWorker.java` @ pravega/pravega-benchmark), which is no artifact
//! of Maven's, in a source file of our own (`LoadTest.java`), started by the source launcher of the
//! JDK.

use super::launch::artifacts;
use super::stream::Stream;
use super::{CONTROLLER, launch};
use crate::failure::Result;
use crate::launch::{Places, java};
use crate::systems::load_lines::{line, summary};
use crate::systems::system::{Load, LoadTest};

/// The program.
const SOURCE: &str = include_str!("LoadTest.java");

/// The JVM of the benchmark on the paper's laptop: HotSpot's own choice, a quarter of its 16 GB
/// (`MaxRAMFraction` in gc_globals.hpp @ OpenJDK 17). What is in flight lies on its heap.
const HEAP: &str = "-Xmx4G";

/// More than any writer writes.
const EVENTS_PER_SECOND_MAX: u64 = 10_000_000;

/// The test ready to write events of `bytes` to a stream that is there, as many as `load` has.
pub(super) fn prepare(
    stream: Stream,
    (bytes, load): (u64, &Load<'_>),
    controller: &str,
    places: &Places,
) -> Result<LoadTest> {
    java(CONTROLLER)?;
    let jars = artifacts().fetch(&places.cache, CONTROLLER)?;
    let events = load.events.unwrap_or(EVENTS_PER_SECOND_MAX * 3_600);
    let mut command: Vec<String> =
        vec!["java".into(), HEAP.into(), "-cp".into(), format!(".:{}/*", jars.display())];
    command.extend(["LoadTest.java".into(), format!("tcp://{controller}")]);
    command.extend([stream.name.scope.clone(), stream.name.stream.clone()]);
    command.extend([events.to_string(), bytes.to_string()]);
    command.extend(load.besides.iter().cloned());
    Ok(LoadTest {
        name: "EventStreamWriter of Pravega's Java client",
        command,
        files: vec![("LoadTest.java", SOURCE), ("logback.xml", launch::LOGBACK)],
        line,
        summary,
        storage: Box::new(stream),
    })
}
