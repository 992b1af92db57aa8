//! The pipeline: where tweets were, stage by stage, and how fast they came out (figure 11).

use super::Pipeline;
use crate::chart::{Axis, Chart, Line, Unit};
use crate::outcome::Outcome;
use crate::resource::Resource;
use crate::stages::Stage;
use crate::text::{count, duration, escape, per_second, percent};

pub(super) fn section(of: &Pipeline<'_>) -> String {
    let outcome = of.outcome;
    let ways = outcome.ways();
    let Some(way) = ways.first() else { return String::new() };
    let slowest = way.iter().map(|stage| stage.share).fold(0.0, f64::max);
    let mut html = format!(
        "<p>A run of <code>{}</code>: {} are offered, {} come out. Of a tweet's way each stage has \
         this much; the bar is its share.</p>\n<div class=\"flow\">\n",
        escape(&outcome.scenario.name),
        per_second(outcome.rates.offered.events_per_second),
        per_second(outcome.rates.consumed.events_per_second),
    );
    for stage in way {
        html.push_str(&stage_box(outcome, stage, stage.share == slowest));
    }
    html.push_str("</div>\n");
    html + &speed(of)
}

fn stage_box(outcome: &Outcome, stage: &Stage<'_>, slowest: bool) -> String {
    let Stage { stream, mean_ns, share } = *stage;
    let system = outcome.streams.get(stream).map_or("", |of| of.system.as_str());
    let figures = outcome.streams.get(stream).and_then(|of| of.figures.as_ref());
    let taken = figures.map_or(0.0, |of| of.rates.acked.events_per_second);
    let backlog = figures.and_then(|of| of.series.backlog.iter().max()).copied().unwrap_or(0);
    let busiest = busiest(outcome, stream).map_or_else(String::new, |resource| {
        let name = resource.name.rsplit('/').next().unwrap_or_default();
        format!("<p>{} {} busy</p>", escape(name), percent(resource.utilisation_mean))
    });
    let class = if slowest { " slowest" } else { "" };
    let word = if slowest { "<p><b>the bottleneck</b></p>" } else { "" };
    format!(
        "<div class=\"stage{class}\"><h3>{} <span class=\"dim\">{}</span></h3>\n\
         <p>{} settled</p><p>{} in the mean, {}</p>\
         <span class=\"bar\"><i style=\"width:{:.1}%\"></i></span>\
         <p>up to {} wait</p>{busiest}{word}</div>\n",
        escape(stream),
        escape(system),
        per_second(taken),
        duration(mean_ns),
        percent(share),
        share * 100.0,
        count(backlog),
    )
}

/// The busiest resource of a stream's own nodes.
fn busiest<'a>(outcome: &'a Outcome, stream: &str) -> Option<&'a Resource> {
    let own = |resource: &&Resource| {
        resource.name.strip_prefix(stream).is_some_and(|rest| rest.starts_with('.'))
    };
    let busy = |left: &&Resource, right: &&Resource| {
        left.utilisation_mean.total_cmp(&right.utilisation_mean)
    };
    outcome.resources.iter().filter(own).max_by(busy)
}

/// Figure 11: the speed of each so many events, and that since the start.
fn speed(of: &Pipeline<'_>) -> String {
    let series = &of.outcome.series;
    let seconds = series.interval_ns as f64 / 1e9;
    let (last, since) = speeds(&series.consumed, seconds, of.events);
    let Some(end) = last.last().map(|(at, _)| *at) else { return String::new() };
    let some = |points: Vec<(f64, f64)>| points.into_iter().map(|(x, y)| (x, Some(y))).collect();
    let line = |label: String, colour, points| Line { label, colour, points, ..Line::default() };
    let events = count(of.events);
    let published = of.published.clone();
    let lines = vec![
        line(format!("each {events}"), 0, some(last)),
        line("since the start".into(), 2, some(since)),
        Line { dashed: true, ..line(format!("the paper: each {events}"), 1, some(published)) },
        Line {
            dashed: true,
            ..line(
                "the paper: since the start".into(),
                3,
                some(vec![(0.0, of.published_mean), (end, of.published_mean)]),
            )
        },
    ];
    let x = Axis::linear("time since the start, seconds", Unit::Seconds);
    let y = Axis::linear("tweets per second", Unit::PerSecond);
    let mut chart = Chart::new("figure-11", "Figure 11: the stress test (one laptop)", x, y, lines);
    chart.dots = true;
    chart.render()
}

/// When each so many events were out, in seconds, with the speed of these and that since the start.
type Speeds = (Vec<(f64, f64)>, Vec<(f64, f64)>);

fn speeds(out: &[u64], seconds: f64, events: u64) -> Speeds {
    let (mut last, mut since) = (Vec::new(), Vec::new());
    let (mut total, mut before, mut next) = (0, None, events);
    for (at, count) in (1..).zip(out) {
        total += count;
        let now = f64::from(at) * seconds;
        while total >= next {
            if let Some(before) = before.filter(|before| now > *before) {
                last.push((now, events as f64 / (now - before)));
            }
            since.push((now, next as f64 / now));
            before = Some(now);
            next += events;
        }
    }
    (last, since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Latency;
    use crate::outcome::{Scenario, Source, Stream};

    #[test]
    fn the_slowest_stage_is_the_bottleneck() {
        let mut outcome = Outcome::empty(Scenario::default(), Source::Simulated, 1);
        outcome.streams.clear();
        for (name, from, mean_ns) in [
            ("tweets", None, 1_000_000),
            ("engine", Some("tweets"), 800_000_000),
            ("trends", Some("engine"), 2_000_000),
        ] {
            let mut passage = Latency::default();
            passage.record_n(mean_ns, 10);
            let from = from.map(str::to_owned);
            let stream = Stream { from, passage: Some(passage), ..Stream::default() };
            outcome.streams.insert(name.to_owned(), stream);
        }
        outcome.series.interval_ns = 1_000_000_000;
        outcome.series.consumed = vec![40, 40, 40];
        let published = vec![(2.0, 50.0)];
        let html =
            section(&Pipeline { outcome: &outcome, events: 40, published, published_mean: 45.0 });
        let boxes: Vec<&str> = html.split("<div class=\"stage").skip(1).collect();
        let slowest: Vec<bool> = boxes.iter().map(|it| it.contains("the bottleneck")).collect();
        assert_eq!(slowest, [false, true, false]);
        assert!(boxes[1].starts_with(" slowest") && boxes[1].contains("800 ms in the mean"));
        assert!(html.contains("id=\"figure-11\"") && html.contains("the paper: each 40"), "{html}");
    }

    #[test]
    fn the_speed_of_a_batch_is_its_events_by_the_time_since_the_one_before() {
        let (last, since) = speeds(&[0, 40, 0, 0, 0, 40, 20, 20], 0.5, 40);
        assert_eq!(last, [(3.0, 20.0), (4.0, 40.0)]);
        assert_eq!(since, [(1.0, 40.0), (3.0, 80.0 / 3.0), (4.0, 30.0)]);
    }
}
