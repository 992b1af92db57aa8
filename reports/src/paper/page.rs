//! The claims as an HTML file.

use super::{Claim, Class, Figure, Paper, Part, Point, pipeline};
use crate::chart::{self, Chart, Unit};
use crate::page::{Sections, page, stacked};
use crate::text::escape;

pub(super) fn html(paper: &Paper<'_>) -> String {
    let mut sections = Sections::default();
    sections.add("claims", "What the paper says", &claims(&paper.claims));
    sections.add("unseen", "What it could not see", &claims(&paper.unseen));
    let figures: String = paper.figures.iter().map(figure).collect();
    sections.add("figures", "Its figures, redrawn", &figures);
    if let Some(of) = &paper.pipeline {
        sections.add("pipeline", "Its pipeline", &pipeline::section(of));
    }
    let all = || paper.claims.iter().chain(&paper.unseen);
    sections.add("conditions", "Claim by claim", &all().map(conditions).collect::<String>());
    let foot = format!("<p class=\"dim\">headwater {}</p>\n", escape(&paper.version));
    page("The paper's claims", &(head(paper) + &sections.html() + &foot))
}

fn head(paper: &Paper<'_>) -> String {
    let seeds = match paper.seeds {
        1 => "one seed: no intervals".to_owned(),
        seeds => format!("{seeds} seeds each; ± is the 95 % confidence interval (Student's t)"),
    };
    let mut html = format!(
        "<header><h1>“Pravega Performance Analysis and System Implementation”, simulated</h1>\n\
         <p class=\"dim\">Each claim of the paper, run with its own settings on the machines that \
         it names · {seeds}</p></header>\n<section class=\"box\" aria-label=\"How the claims came \
         out\"><strong>{}</strong>\n<p>A claim holds if every one of its conditions holds in \
         every seed, and does not if one holds in none. Conditions on published figures allow \
         15 %.</p>\n",
        escape(&paper.tally)
    );
    if paper.interrupted {
        html.push_str(
            "<p class=\"warn\"><b class=\"s\">interrupted</b> What was not run has no \
             verdict.</p>\n",
        );
    }
    html + "</section>\n"
}

const fn class(of: Class) -> &'static str {
    match of {
        Class::Holds => "pass",
        Class::DoesNotHold => "fail",
        Class::Open => "warn",
    }
}

/// A text with what stands between backticks as code.
fn prose(text: &str) -> String {
    let parts = escape(text);
    let code = |(at, part): (usize, &str)| match at % 2 {
        0 => part.to_owned(),
        _ => format!("<code>{part}</code>"),
    };
    parts.split('`').enumerate().map(code).collect()
}

fn verdict((word, of): (&str, Class)) -> String {
    format!("<span class=\"{}\"><b class=\"s\">{word}</b></span>", class(of))
}

fn claims(claims: &[Claim]) -> String {
    if claims.is_empty() {
        return String::new();
    }
    let row = |claim: &Claim| {
        let place = format!("<span class=\"dim\">{}; {}</span>", claim.paper, claim.profile);
        vec![
            format!("<a href=\"#{0}\">{0}</a>", escape(&claim.id)),
            verdict(claim.verdict),
            format!("{}<br>{place}", prose(&claim.says)),
            escape(&claim.simulated),
            format!("<span class=\"dim\">{}</span>", escape(&claim.live)),
            prose(&claim.because),
        ]
    };
    let rows: Vec<Vec<String>> = claims.iter().map(row).collect();
    let table = stacked(&["", "verdict", "claim", "simulated", "live", "mechanism"], &rows);
    format!("<div class=\"claims\">{table}</div>\n")
}

fn conditions(claim: &Claim) -> String {
    let row = |part: &Part| {
        vec![
            verdict(part.verdict),
            format!("<code>{}</code>", escape(&part.condition)),
            escape(&part.sides),
        ]
    };
    let rows: Vec<Vec<String>> = claim.parts.iter().map(row).collect();
    let lines: Vec<String> = claim.commands.iter().map(|line| escape(line)).collect();
    format!(
        "<h3 id=\"{id}\">{id}: {}</h3>\n<p>{}</p>\n{}<pre><code>{}</code></pre>\n",
        claim.verdict.0,
        prose(&claim.says),
        stacked(&["", "condition", "its two sides"], &rows),
        lines.join("\n"),
        id = escape(&claim.id),
    )
}

/// A figure: the places of its horizontal axis stand one after the other.
fn figure(figure: &Figure) -> String {
    let time = figure.lines.iter().flat_map(|line| &line.points).flatten().any(|it| it.time);
    let unit = if time { Unit::Nanoseconds } else { Unit::Bytes };
    let line = |(colour, line): (usize, &super::Line)| chart::Line {
        label: line.label.clone(),
        colour,
        points: (0..).zip(&line.points).map(|(at, it)| (f64::from(at), value(it))).collect(),
        intervals: line.points.iter().map(|point| point.as_ref()?.interval).collect(),
        ..chart::Line::default()
    };
    let lines = figure.lines.iter().enumerate().map(line).collect();
    let axis = if figure.log { chart::Axis::log } else { chart::Axis::linear };
    let (x, y) = (chart::Axis::linear(&figure.x, Unit::Plain), axis(&figure.y, unit));
    let title = format!("{} ({})", figure.title, figure.profile);
    let mut chart = Chart::new(&format!("figure-{}", figure.id), &title, x, y, lines);
    let last = figure.ticks.len().saturating_sub(1) as f64;
    chart.ends = Some((-0.06 * last, 1.06 * last));
    chart.ticks = (0..).map(f64::from).zip(figure.ticks.iter().cloned()).collect();
    chart.dots = true;
    chart.render()
}

fn value(point: &Option<Point>) -> Option<f64> {
    point.as_ref().map(|point| point.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::paper::Line;

    fn claim() -> Claim {
        Claim {
            id: "C4".into(),
            says: "`linger.ms` < batch".into(),
            paper: "3.1".into(),
            profile: "one laptop".into(),
            verdict: ("does not hold", Class::DoesNotHold),
            simulated: "4.5 ms ± 0.2 ms".into(),
            live: "not run".into(),
            because: "it is <slow>".into(),
            parts: vec![Part {
                condition: "a.0 lost < 1".into(),
                verdict: ("does not hold", Class::DoesNotHold),
                sides: "4 and 1".into(),
            }],
            commands: vec!["headwater run a --set 'x=<1>'".into()],
        }
    }

    #[test]
    fn a_claim_has_its_verdict_figures_mechanism_conditions_and_commands() {
        let paper = Paper { claims: vec![claim()], seeds: 3, ..Paper::default() };
        let html = paper.to_html();
        for part in [
            "<a href=\"#C4\">C4</a>",
            "<span class=\"fail\"><b class=\"s\">does not hold</b></span>",
            "<code>linger.ms</code> &lt; batch",
            "4.5 ms ± 0.2 ms",
            "it is &lt;slow&gt;",
            "<h3 id=\"C4\">C4: does not hold</h3>",
            "4 and 1",
            "x=&lt;1&gt;",
            "3 seeds each",
        ] {
            assert!(html.contains(part), "{part} is missing");
        }
        assert!(!html.contains("id=\"unseen\"") && !html.contains("interrupted"));
    }

    #[test]
    fn a_figure_has_a_place_for_each_tick_and_a_gap_where_nothing_was_measured() {
        let point = |value| Some(Point { value, interval: None, time: true });
        let html = figure(&Figure {
            id: "4".into(),
            title: "Figure 4".into(),
            profile: "one laptop".into(),
            x: "size".into(),
            y: "p95".into(),
            ticks: vec!["1 B".into(), "10 B".into()],
            log: true,
            lines: vec![Line { label: "Kafka".into(), points: vec![point(2e6), None] }],
        });
        assert!(
            html.contains("\"y\":[2000000,null]") && html.contains("\"unit\":\"ns\""),
            "{html}"
        );
        assert!(html.contains("[[0.0,\"1 B\"],[1.0,\"10 B\"]]"), "{html}");
        assert!(!html.contains("\"high\""), "one seed has no intervals: {html}");
    }
}
