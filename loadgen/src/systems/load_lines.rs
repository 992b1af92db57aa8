//! What load tests print, in the words of `kafka-producer-perf-test` (`printWindow` and
//! `printTotal` of `ProducerPerformance.java` @ Kafka 3.9): a line every five seconds, and one at
//! the end.

use super::system::Summary;

/// How the last line differs from those before it.
const PERCENTILES: &str = " ms 99th";

/// `249411 records sent, 49882.2 records/sec (4.76 MB/sec), 1.7 ms avg latency, 342.0 ms max
/// latency.`: events since the line before, and events per second; nothing of the line at the end,
/// which has percentiles and is of everything.
pub(super) fn line(text: &str) -> Option<(u64, f64)> {
    if text.contains(PERCENTILES) { None } else { sent(text) }
}

/// The line at the end.
pub(super) fn summary(text: &str) -> Option<Summary> {
    let (events, rate) = sent(text)?;
    let ms = |what: &str| {
        let (before, _) = text.split_once(&format!(" ms {what}"))?;
        before.rsplit(' ').next()?.parse::<f64>().ok()
    };
    Some(Summary {
        events,
        rate,
        mean_ms: ms("avg latency")?,
        max_ms: ms("max latency")?,
        p50_ms: ms("50th")?,
        p95_ms: ms("95th")?,
        p99_ms: ms("99th")?,
    })
}

fn sent(text: &str) -> Option<(u64, f64)> {
    let (events, rest) = text.split_once(" records sent, ")?;
    let (rate, _) = rest.split_once(" records/sec")?;
    Some((events.trim().parse().ok()?, rate.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines in the format of kafka-producer-perf-test @ 3.9; their figures are made up.
    const PRINTED: &str = "\
WARN These configurations '[patch.size]' were supplied but are not used yet.
315553 records sent, 63097.8 records/sec (60.17 MB/sec), 398.1 ms avg latency, 702.0 ms max latency.
473632 records sent, 94707.5 records/sec (90.32 MB/sec), 340.6 ms avg latency, 418.0 ms max latency.
1000000 records sent, 80515.297907 records/sec (76.79 MB/sec), 357.40 ms avg latency, 702.00 ms \
max latency, 344 ms 50th, 509 ms 95th, 655 ms 99th, 697 ms 99.9th.
";

    #[test]
    fn what_is_printed_is_read() {
        let lines: Vec<_> = PRINTED.lines().filter_map(line).collect();
        assert_eq!(lines, [(315_553, 63_097.8), (473_632, 94_707.5)]);
        let summaries: Vec<_> = PRINTED.lines().filter_map(summary).collect();
        let expected = Summary {
            events: 1_000_000,
            rate: 80_515.297_907,
            mean_ms: 357.4,
            max_ms: 702.0,
            p50_ms: 344.0,
            p95_ms: 509.0,
            p99_ms: 655.0,
        };
        assert_eq!(summaries, [expected]);
    }

    #[test]
    fn what_is_no_line_of_its_is_none() {
        for text in ["", "[main] WARN something", "x records sent, 1 records/sec", "9 records sent"]
        {
            assert_eq!((line(text), summary(text)), (None, None), "{text}");
        }
        // Cut off before its end.
        let cut = "100 records sent, 9.9 records/sec (0.00 MB/sec), 1.70 ms avg latency, 342.00 ms \
                   max latency, 1 ms 50th, 2 ms 95th";
        assert_eq!(summary(cut), None);
    }
}
