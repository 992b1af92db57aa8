//! A sweep as an HTML file: curves with their intervals, a heat map of two axes, the knee.

use super::{Cell, Figure, Quantity, Sweep, Variant, places};
use crate::chart::{self, Chart, Line, Unit};
use crate::page::{Sections, name, page, table};
use crate::text::{count, escape};

pub(super) fn html(sweep: &Sweep) -> String {
    let mut sections = Sections::default();
    sections.add("variants", "Variants", &variants(sweep));
    let curves: String = (0..sweep.figures.len()).map(|figure| curve(sweep, figure)).collect();
    sections.add("curves", "Curves", &curves);
    sections.add("heat", "Heat maps", &heat_maps(sweep));
    sections.add("failed", "Runs that did not pass", &failed(sweep));
    let line = escape(&sweep.reproduce);
    let reproduce = format!(
        "<pre><code id=\"reproduce\">{line}</code></pre><button type=\"button\" \
         data-copy=\"reproduce\">Copy</button>\n<p class=\"dim\">headwater {}</p>\n",
        escape(&sweep.version)
    );
    sections.add("reproduce", "Reproduce", &reproduce);
    page(&format!("Sweep of {}", sweep.scenario), &(head(sweep) + &sections.html()))
}

fn head(sweep: &Sweep) -> String {
    let runs: usize = sweep.variants.iter().map(|variant| variant.passed.1).sum();
    let passed: usize = sweep.variants.iter().map(|variant| variant.passed.0).sum();
    let class = if passed == runs { "pass" } else { "warn" };
    let mut html = format!(
        "<header><h1>Sweep of <code>{}</code></h1>\n<p class=\"dim\">over {} · {} variants · {} \
         seeds each, paired: every variant of a seed has the same traffic and the same faults</p>\
         </header>\n<section class=\"box {class}\" aria-label=\"How the runs came out\"><strong \
         class=\"{class}\">{} of {} runs did what the scenario expects</strong>\n",
        name(&sweep.scenario),
        name(&sweep.varied()),
        sweep.variants.len(),
        sweep.seeds,
        count(passed as u64),
        count(runs as u64)
    );
    if sweep.interrupted {
        html.push_str(
            "<p class=\"warn\"><b class=\"s\">interrupted</b> What is shown is of the runs that \
             were done.</p>\n",
        );
    }
    for line in sweep.knees_told() {
        html.push_str(&format!("<p>{}</p>\n", escape(&line)));
    }
    html + "</section>\n"
}

fn variants(sweep: &Sweep) -> String {
    let mut headers: Vec<String> = sweep.axes.iter().map(|axis| axis.path.clone()).collect();
    headers.push("passed".to_owned());
    headers.extend(sweep.figures.iter().map(|figure| format!("#{}", figure.name)));
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let rows: Vec<Vec<String>> = sweep.variants.iter().map(|it| row(sweep, it)).collect();
    let seeds = match sweep.seeds {
        1 => "One seed: no intervals.",
        _ => {
            "± is the 95 % confidence interval of the mean (Student's t); below it the difference \
             with the first variant, paired by seed. Of what was lost, failed or duplicated: in \
             how many seeds, the median, least and greatest."
        }
    };
    format!("{}<p class=\"dim\">{seeds}</p>\n", table(&headers, &rows))
}

fn row(sweep: &Sweep, variant: &Variant) -> Vec<String> {
    let (passed, of) = variant.passed;
    let class = if passed == of { "pass" } else { "fail" };
    let mut row: Vec<String> = variant.values.iter().map(|value| name(value)).collect();
    row.push(format!("<span class=\"{class}\"><b class=\"s\">{passed} of {of}</b></span>"));
    row.extend(sweep.figures.iter().zip(&variant.cells).map(|(figure, cell)| {
        let Some(cell) = cell else { return "–".to_owned() };
        let told = escape(&figure.quantity.told(cell));
        let told = match cell.hit {
            Some((1.., _)) => format!("<span class=\"fail\"><b class=\"s\">{told}</b></span>"),
            _ => told,
        };
        let against = figure.quantity.against(cell).map(|text| match cell.indistinct() {
            true => "<br><span class=\"dim\">no detectable difference</span>".to_owned(),
            false => format!("<br><span class=\"dim\">{}</span>", escape(&text)),
        });
        told + &against.unwrap_or_default()
    }));
    row
}

/// The curve of a figure over the first axis, a line for each combination of the others.
fn curve(sweep: &Sweep, index: usize) -> String {
    let figure = &sweep.figures[index];
    let Some(axis) = sweep.axes.first().filter(|axis| axis.values.len() > 1) else {
        return String::new();
    };
    if sweep.nothing(index) {
        return format!("<p>{}: 0 in every variant.</p>\n", escape(&figure.name));
    }
    let (places, by_size) = places(&axis.values);
    let at = |variant: &Variant| {
        let place = axis.values.iter().position(|value| Some(value) == variant.values.first());
        places[place.unwrap_or(0)]
    };
    let lines = sweep.lines().into_iter().enumerate().map(|(colour, (label, variants))| {
        let cell = |variant: &&Variant| variant.cells[index].clone();
        let points = variants.iter().map(|it| (at(it), cell(it).map(|cell| cell.value)));
        let intervals = variants.iter().map(|it| cell(it).and_then(|cell| cell.interval));
        Line {
            label: if label.is_empty() { figure.name.clone() } else { label },
            colour,
            points: points.collect(),
            intervals: intervals.collect(),
            ..Line::default()
        }
    });
    let unit = figure.quantity.unit();
    let x = chart::Axis::linear(&axis.path, Unit::Plain);
    let y = chart::Axis::linear(&figure.name, unit);
    let id = format!("curve-{index}");
    let title = match figure.quantity {
        Quantity::Ills => format!("{}: median, least and greatest of the seeds", figure.name),
        _ => format!("{} over {}", figure.name, axis.path),
    };
    let mut chart = Chart::new(&id, &title, x, y, lines.collect());
    let (first, last) = (places[0], places[places.len() - 1]);
    let margin = (last - first) * 0.06;
    chart.ends = Some((first - margin, last + margin));
    chart.ticks = places.iter().copied().zip(axis.values.iter().cloned()).collect();
    chart.dots = true;
    chart.height = 230.0;
    if by_size {
        let marked = |(line, value, place): (String, String, f64)| match line.is_empty() {
            true => (place, format!("knee at {value}")),
            false => (place, format!("knee at {value} ({line})")),
        };
        chart.uprights = sweep.knees(index).into_iter().map(marked).collect();
    }
    chart.render()
}

/// For two axes, each figure as a table whose cells are the darker the higher the figure.
fn heat_maps(sweep: &Sweep) -> String {
    let [across, down] = &sweep.axes[..] else { return String::new() };
    let map = |(index, figure): (usize, &Figure)| {
        let cell = |x: &String, y: &String| -> Option<(&Variant, &Cell)> {
            let of = |it: &&Variant| it.values[..] == [x.clone(), y.clone()];
            let variant = sweep.variants.iter().find(of)?;
            Some((variant, variant.cells[index].as_ref()?))
        };
        let values = sweep.variants.iter().filter_map(|it| Some(it.cells[index].as_ref()?.value));
        let low = values.clone().fold(f64::INFINITY, f64::min);
        let high = values.fold(f64::NEG_INFINITY, f64::max);
        let shade = |value: f64| match high > low {
            true => 8.0 + 62.0 * (value - low) / (high - low),
            false => 8.0,
        };
        let mut html = format!(
            "<h3>{}</h3>\n<div class=\"scroll\"><table class=\"heat\"><thead><tr><th \
             scope=\"col\">{} ↓ {} →</th>",
            escape(&figure.name),
            name(&down.path),
            name(&across.path)
        );
        for x in &across.values {
            html.push_str(&format!("<th scope=\"col\" class=\"n\">{}</th>", escape(x)));
        }
        html.push_str("</tr></thead><tbody>\n");
        for y in &down.values {
            html.push_str(&format!("<tr><th scope=\"row\">{}</th>", escape(y)));
            for x in &across.values {
                html.push_str(&match cell(x, y) {
                    Some((variant, cell)) => {
                        let class =
                            if variant.passed.0 < variant.passed.1 { " failed" } else { "" };
                        format!(
                            "<td class=\"n{class}\" style=\"--shade:{:.0}%\">{}</td>",
                            shade(cell.value),
                            escape(&figure.quantity.show(cell.value))
                        )
                    }
                    None => "<td class=\"n\">–</td>".to_owned(),
                });
            }
            html.push_str("</tr>\n");
        }
        html + "</tbody></table></div>\n"
    };
    let note = "<p class=\"dim\">The mean of each variant (of what was lost, the median): the \
                darker the higher. Struck through: a run did not do what the scenario \
                expects.</p>\n";
    let some = |(index, _): &(usize, &Figure)| !sweep.nothing(*index);
    let maps: String = sweep.figures.iter().enumerate().filter(some).map(map).collect();
    note.to_owned() + &maps
}

/// The first run of each variant that did not pass.
fn failed(sweep: &Sweep) -> String {
    let rows: Vec<Vec<String>> = sweep
        .variants
        .iter()
        .filter_map(|variant| {
            let line = variant.failed.as_ref()?;
            Some(vec![name(&variant.label()), format!("<code>{}</code>", escape(line))])
        })
        .collect();
    match rows.is_empty() {
        true => String::new(),
        false => table(&["variant", "the first that did not"], &rows),
    }
}
