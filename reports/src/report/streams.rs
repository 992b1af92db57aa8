//! The streams of a run, where there are several.

use super::charts;
use crate::outcome::{Outcome, Stream, VerdictStatus};
use crate::page::table;
use crate::stages::Stage;
use crate::text::{count, duration, duration_or_dash, escape, per_second, percent};

/// A section with a row for each stream and their charts; nothing where there is one.
pub(super) fn streams(outcome: &Outcome) -> String {
    let several = outcome.several();
    if several.is_empty() {
        return String::new();
    }
    let mut rows = Vec::new();
    for (name, stream, view) in several {
        let (counts, latency) = (view.counts, view.latency);
        rows.push(vec![
            format!("<strong>{}</strong>", escape(name)),
            escape(&stream.system),
            stream.from.as_deref().map_or_else(|| "the schedule".to_owned(), escape),
            verdicts(stream),
            count(counts.scheduled),
            count(counts.acked),
            count(counts.failed),
            count(counts.lost),
            count(counts.delivered),
            per_second(view.rates.acked.events_per_second),
            duration_or_dash(latency.response.summary().p99_ns),
            duration_or_dash(latency.end_to_end.summary().p99_ns),
        ]);
    }
    let headers = [
        "stream",
        "system",
        "takes from",
        "verdicts",
        "#taken",
        "#acked",
        "#failed",
        "#lost",
        "#delivered",
        "#acked rate",
        "#response p99",
        "#end to end p99",
    ];
    let mut html = table(&headers, &rows);
    html.push_str(
        "<p class=\"dim\">Each stream's figures are its own: behind another stream an event is due \
         when that one's readers hand it on. All other figures of this page are of the whole: due \
         and acknowledged where the schedule is taken, delivered behind the last system, and end \
         to end from the schedule to there.</p>\n",
    );
    html.push_str(&ways(outcome));
    html.push_str(&charts::streams(outcome).render());
    html.push_str(&charts::stream_spectra(outcome).render());
    html
}

/// How long an event is in each stream of its way, where one takes from another.
fn ways(outcome: &Outcome) -> String {
    let mut html = String::new();
    for way in outcome.ways() {
        let last = way.last().map_or("", |stage| stage.stream);
        let row = |stage: &Stage<'_>| {
            let passage = outcome.streams[stage.stream].passage.as_ref();
            let [p50, p99] =
                [0.5, 0.99].map(|at| duration_or_dash(passage.and_then(|of| of.quantile(at))));
            let mean = duration(stage.mean_ns);
            vec![escape(stage.stream), mean, percent(stage.share), p50, p99]
        };
        let rows: Vec<_> = way.iter().map(row).collect();
        let on_the_way = format!("on the way to {}", escape(last));
        html.push_str(&table(&[&on_the_way, "#mean", "#of the whole", "#p50", "#p99"], &rows));
    }
    html
}

/// The checkers that found something, or that none did.
fn verdicts(stream: &Stream) -> String {
    let found: Vec<String> = stream
        .verdicts
        .iter()
        .filter(|(_, status)| status.found())
        .map(|(name, status)| word(*status, name))
        .collect();
    if found.is_empty() { word(VerdictStatus::Pass, "none failed") } else { found.join("<br>") }
}

fn word(status: VerdictStatus, text: &str) -> String {
    format!("<span class=\"{status}\"><b class=\"s\">{}</b></span>", escape(text))
}
