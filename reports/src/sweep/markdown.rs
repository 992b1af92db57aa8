//! A sweep for a pull request.

use std::fmt::Write as _;

use super::Sweep;
use crate::markdown::{code, plain, table};

pub(super) fn markdown(sweep: &Sweep) -> String {
    let (scenario, varied) = (code(&sweep.scenario), code(&sweep.varied()));
    let mut text = format!("### Sweep of {scenario} over {varied}\n\n");
    let mut headers: Vec<String> = sweep.axes.iter().map(|axis| plain(&axis.path)).collect();
    headers.push("passed".to_owned());
    headers.extend(sweep.figures.iter().map(|figure| format!("#{}", plain(&figure.name))));
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let rows: Vec<Vec<String>> = sweep
        .variants
        .iter()
        .map(|variant| {
            let (passed, of) = variant.passed;
            let mut row: Vec<String> = variant.values.iter().map(|value| code(value)).collect();
            let mark = if passed == of { "✅" } else { "❌" };
            row.push(format!("{mark} {passed} of {of}"));
            row.extend(sweep.figures.iter().zip(&variant.cells).map(|(figure, cell)| {
                let Some(cell) = cell else { return "–".to_owned() };
                let against = figure.quantity.against(cell).map(|it| format!("<br>{it}"));
                figure.quantity.told(cell) + &against.unwrap_or_default()
            }));
            row
        })
        .collect();
    text += &table(&headers, &rows);
    for line in sweep.knees_told() {
        let _ = writeln!(text, "- {}", plain(&line));
    }
    let _ = writeln!(
        text,
        "\n{} seeds; ± 95 % confidence; second lines: against the first variant, paired by seed, \
         `=` no detectable difference.\n\n```sh\n{}\n```",
        sweep.seeds, sweep.reproduce
    );
    text
}
