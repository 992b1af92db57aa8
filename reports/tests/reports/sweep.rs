//! Sweeps as a page and as Markdown.

use headwater_reports::sweep::{Axis, Cell, Figure, Quantity, Sweep, Variant};

fn cell(value: f64, half: f64, difference: Option<f64>) -> Option<Cell> {
    Some(Cell {
        value,
        interval: Some((value - half, value + half)),
        hit: None,
        difference: difference.map(|mean| (mean, Some(half))),
    })
}

/// Response times that double from 40,000/s on, and losses at the highest rate.
pub fn sweep(second: &[&str]) -> Sweep {
    let rates = ["10000/s", "20000/s", "30000/s", "40000/s", "50000/s"];
    let values = |values: &[&str]| values.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    let mut axes = vec![Axis { path: "traffic.rate".into(), values: values(&rates) }];
    if second.len() > 1 {
        axes.push(Axis { path: "system.producer.linger.ms".into(), values: values(second) });
    }
    let mut variants = Vec::new();
    for (index, rate) in rates.iter().enumerate() {
        for other in second {
            let slow = [4.0, 4.1, 4.3, 4.6, 40.0][index] * 1e6;
            let lost = if index == 4 { 17.0 } else { 0.0 };
            let hit = Some((usize::from(index == 4) * 2, 5));
            let losses =
                Cell { value: lost, interval: Some((0.0, lost * 2.0)), hit, difference: None };
            let difference = (index > 0).then_some(slow - 4e6);
            variants.push(Variant {
                values: values(&[*rate, *other][..second.len().min(2)]),
                passed: (if index == 4 { 3 } else { 5 }, 5),
                cells: vec![cell(slow, 2e5, difference), Some(losses)],
                failed: (index == 4).then(|| "headwater run x --seed 3".to_owned()),
            });
        }
    }
    let figure = |name: &str, quantity| Figure { name: name.into(), quantity };
    Sweep {
        scenario: "what-if/rate".into(),
        version: "0.1.0".into(),
        reproduce: "headwater sweep what-if/rate --vary traffic.rate=10000/s,20000/s".into(),
        axes,
        seeds: 5,
        figures: vec![figure("response.p99", Quantity::Time), figure("lost", Quantity::Ills)],
        variants,
        interrupted: false,
    }
}

#[test]
fn a_curve_that_may_be_chance_has_no_knee_and_what_is_zero_everywhere_is_one_line() {
    let mut noise = sweep(&["0", "5"]);
    for variant in &mut noise.variants {
        let cell = variant.cells[0].as_mut().expect("measured");
        cell.interval = Some((cell.value - 4e7, cell.value + 4e7));
        variant.cells[1] = Some(Cell { hit: Some((0, 5)), ..Cell::default() });
    }
    let page = noise.to_html();
    assert!(!page.contains("knee of") && page.contains("<p>lost: 0 in every variant.</p>"));
}

#[test]
fn the_page_has_curves_with_intervals_a_heat_map_and_the_knee() {
    let page = sweep(&["0", "5"]).to_html();
    for part in [
        "\"high\":[4200000,4300000,4500000,4800000,40200000]",
        "\"low\":[3800000,3900000,4100000,4400000,39800000]",
        "knee at 40000/s (0)",
        "<table class=\"heat\">",
        "class=\"n failed\" style=\"--shade:70%\">40 ms<",
        "no detectable difference",
        "46 of 50 runs",
    ] {
        assert!(page.contains(part), "{part} is missing");
    }
    assert!(page.len() < 1_000_000);
    let one = sweep(&["0"]).to_html();
    assert!(!one.contains("<table class=\"heat\">") && one.contains("knee at 40000/s"));
}

#[test]
fn markdown_has_a_row_for_each_variant_and_the_knees() {
    let text = sweep(&["0", "5"]).to_markdown();
    let rows = text.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, 10, "{text}");
    assert!(text.contains("- knee of response.p99: traffic.rate = 40000/s ("), "{text}");
    assert!(text.contains("| `50000/s` | `0` | ❌ 3 of 5 | 40 ms ± 200 µs<br>+36 ms ± 200 µs |"));
}
