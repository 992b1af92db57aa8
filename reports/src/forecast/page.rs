//! A forecast and the run that was made, as one HTML file. What was simulated is dashed and says
//! so; what was measured is solid.

use super::score::{Position, Row, Score};
use super::{Forecast, Range, Spectrum, text};
use crate::chart::{Chart, Line};
use crate::compare::compare;
use crate::latency::Latency;
use crate::outcome::Outcome;
use crate::page::{page, table};
use crate::report::{spectra, spectrum_line};
use crate::text::escape;

/// The report: the score, the spectra of all seeds with the run's, then the run beside the
/// simulation of the same seed.
pub fn report(forecast: &Forecast, score: &Score, live: &Outcome, simulated: &Outcome) -> String {
    let name = escape(&forecast.scenario);
    let mut body = format!("<header><h1>Forecast and run: <code>{name}</code></h1></header>\n");
    body.push_str(&heading(score));
    body.push_str(&format!(
        "<p class=\"dim\">Simulated over {} seeds on the machine profile <code>{}</code> before \
         the run began: forecast <code>{}</code>, of inputs <code>{}</code>.</p>\n",
        forecast.seeds.len(),
        escape(&forecast.profile),
        escape(&score.forecast),
        escape(&forecast.inputs)
    ));
    for note in &forecast.notes {
        body.push_str(&format!("<p class=\"dim\">{}</p>\n", escape(note)));
    }
    body.push_str(&rows(score));
    body.push_str(
        "<p class=\"dim\">A forecast is the median over the seeds with the least and the greatest \
         in brackets; one more run would lie between these with a probability of (n - 1) / (n + \
         1). Error: (median - measured) / measured.</p>\n",
    );
    let spectra: [(&str, &str, &Latency); 2] = [
        ("response", "Response time, forecast and measured", &live.latency.response),
        ("end to end", "End to end latency, forecast and measured", &live.latency.end_to_end),
    ];
    for (name, title, measured) in spectra {
        let of_name = forecast.spectra.iter().find(|spectrum| spectrum.name == name);
        if let Some(spectrum) = of_name.filter(|spectrum| !spectrum.points.is_empty()) {
            body.push_str(&chart(spectrum, title, measured).render());
        }
    }
    body.push_str("<h2>The run, and the simulation of its seed</h2>\n");
    body.push_str(&compare(&[live.clone(), simulated.clone()]).html_body());
    page(&format!("{} · forecast and run", forecast.scenario), &body)
}

fn heading(score: &Score) -> String {
    let (inside, all) = score.inside();
    let (class, line) = match &score.withheld {
        Some(why) => ("warn", format!("No error is told: {}", escape(why))),
        None if inside == all => ("pass", format!("All {all} figures inside the forecast")),
        None => ("warn", format!("{inside} of {all} figures inside the forecast")),
    };
    format!(
        "<section class=\"box {class}\" aria-label=\"How the forecast came out\"><strong \
         class=\"{class}\">{line}</strong></section>\n"
    )
}

fn rows(score: &Score) -> String {
    let shown = |row: &Row| {
        let class = match row.position {
            Some(Position::Inside) => "pass",
            Some(_) => "warn",
            None => "dim",
        };
        vec![
            row.name.clone(),
            text::range(row.unit, row.forecast),
            row.measured.map_or_else(|| "–".to_owned(), |value| row.unit.show(value)),
            text::error(row),
            format!("<span class=\"{class}\">{}</span>", text::position(row)),
        ]
    };
    let rows: Vec<Vec<String>> = score.rows.iter().map(shown).collect();
    table(&["figure", "#forecast (simulated)", "#measured (live)", "#error", ""], &rows)
}

fn chart(spectrum: &Spectrum, title: &str, measured: &Latency) -> Chart {
    let line = |label: &str, colour: usize, of: fn(&Range) -> f64| Line {
        label: label.to_owned(),
        colour,
        dashed: true,
        points: spectrum.points.iter().map(|(share, range)| (*share, Some(of(range)))).collect(),
        ..Line::default()
    };
    let mut lines = vec![
        line("simulated, greatest of the seeds", 7, |range| range.high),
        line("simulated, median of the seeds", 1, |range| range.median),
        line("simulated, least of the seeds", 7, |range| range.low),
    ];
    if measured.count() > 0 {
        lines.push(spectrum_line("measured (live)", 0, measured));
    }
    spectra(&format!("forecast-{}", spectrum.name.replace(' ', "-")), title, lines)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{figures, forecast, run};
    use super::*;
    use crate::outcome::Source;

    #[test]
    fn what_is_simulated_and_what_is_measured_are_told_apart() {
        let (live, simulated) = (run(Source::Live, 1, 8, 20), run(Source::Simulated, 1, 4, 20));
        let score = Score::of(&forecast(), "0123", live.withheld(), &figures(&live));
        let html = report(&forecast(), &score, &live, &simulated);
        for part in [
            "0 of 1 figures inside the forecast",
            "forecast (simulated)",
            "simulated, median of the seeds",
            "measured (live)",
            "Acknowledged over time",
            "Simulated runs are dashed, live runs solid.",
            "<code>0123</code>",
        ] {
            assert!(html.contains(part), "{part} is missing");
        }
        assert_eq!(html, report(&forecast(), &score, &live, &simulated), "the same bytes");
    }
}
