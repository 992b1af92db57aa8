//! The claims as they are shown in a report.

use headwater_reports::paper as show;

use super::claims::Figure;
use super::judge::{Answer, Judged, Verdict, over_seeds};
use super::text::live;
use crate::condition::Side;
use crate::scenario::Metric;
use crate::scenario::metric::Kind;

impl Answer {
    /// As a report shows it.
    pub fn shown(&self) -> show::Paper<'_> {
        let pipeline = &self.file.pipeline;
        show::Paper {
            version: self.version.to_owned(),
            tally: self.tally(),
            seeds: self.seeds,
            interrupted: self.interrupted,
            claims: self.claims.iter().map(claim).collect(),
            unseen: self.unseen.iter().map(claim).collect(),
            figures: self.file.figures.iter().map(|it| self.figure(it)).collect(),
            pipeline: self.pipeline.as_ref().map(|outcome| show::Pipeline {
                outcome,
                events: pipeline.events,
                published: pipeline.published.clone(),
                published_mean: pipeline.published_mean,
            }),
        }
    }

    fn figure(&self, figure: &Figure) -> show::Figure {
        let sides = |points: &[String]| -> Vec<Side> {
            points.iter().filter_map(|point| Side::parse(point).ok()).collect()
        };
        let of = |side: &Side| {
            let time = side.figures().any(|(_, metric)| {
                Metric::parse(metric).is_ok_and(|metric| metric.kind() == Kind::Time)
            });
            // Times are seconds here, and nanoseconds where they are shown.
            let scale = if time { 1e9 } else { 1.0 };
            let estimate = over_seeds(side, &self.runs)?;
            let interval = estimate
                .half_width
                .map(|half| ((estimate.mean - half) * scale, (estimate.mean + half) * scale));
            Some(show::Point { value: estimate.mean * scale, interval, time })
        };
        let lines = figure.lines.iter().map(|line| show::Line {
            label: line.label.clone(),
            points: sides(&line.points).iter().map(of).collect(),
        });
        show::Figure {
            id: figure.id.clone(),
            title: figure.title.clone(),
            profile: figure.profile.describes().to_owned(),
            x: figure.x.clone(),
            y: figure.y.clone(),
            ticks: figure.ticks.clone(),
            log: figure.log,
            lines: lines.collect(),
        }
    }
}

fn claim(judged: &Judged) -> show::Claim {
    let part = |part: &super::judge::Part| show::Part {
        condition: part.condition.clone(),
        verdict: (part.verdict.word(), class(part.verdict)),
        sides: part.sides.clone(),
    };
    show::Claim {
        id: judged.id.clone(),
        says: judged.says.clone(),
        paper: judged.paper.clone(),
        profile: judged.profile.to_owned(),
        verdict: (judged.verdict.word(), class(judged.verdict)),
        simulated: judged.simulated.clone(),
        live: live(judged),
        because: judged.because.clone(),
        parts: judged.parts.iter().map(part).collect(),
        commands: judged.commands.clone(),
    }
}

const fn class(verdict: Verdict) -> show::Class {
    match verdict {
        Verdict::Holds => show::Class::Holds,
        Verdict::DoesNotHold => show::Class::DoesNotHold,
        Verdict::CannotBeKnown | Verdict::NotRun => show::Class::Open,
    }
}
