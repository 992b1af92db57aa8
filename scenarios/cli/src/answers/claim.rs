//! Claims about figures: `1 response.p50 > 2 0 response.p50`, `2 lost = 0`.

/// A figure of a variant.
type Figure<'a> = dyn Fn(usize, &str) -> Result<f64, String> + 'a;

/// A sign between two figures, and what it says of them.
type Sign = (&'static str, fn(f64, f64) -> bool);

/// Whether a claim holds of the figures.
///
/// # Errors
/// That it does not, with the figures, or that it is no claim.
pub(super) fn holds(claim: &str, figure: &Figure<'_>) -> Result<(), String> {
    let signs: [Sign; 3] = [("<", |a, b| a < b), (">", |a, b| a > b), ("=", |a, b| a == b)];
    let split = signs.iter().find_map(|(sign, keeps)| {
        let (left, right) = claim.split_once(&format!(" {sign} "))?;
        Some((left, right, keeps))
    });
    let (left, right, keeps) =
        split.ok_or_else(|| format!("`{claim}`: expected <, > or = between figures"))?;
    let (a, b) = (value(left, figure)?, value(right, figure)?);
    match keeps(a, b) {
        true => Ok(()),
        false => Err(format!("`{claim}` does not hold: {a} and {b}")),
    }
}

/// A number, a figure, or so many times a figure.
fn value(text: &str, figure: &Figure<'_>) -> Result<f64, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let number = |word: &str| word.parse::<f64>().map_err(|_| format!("`{word}` is no number"));
    let of = |variant: &str, metric: &str| {
        let variant = variant.parse().map_err(|_| format!("`{variant}` is no variant"))?;
        figure(variant, metric)
    };
    match words.as_slice() {
        [one] => number(one),
        [variant, metric] => of(variant, metric),
        [factor, variant, metric] => Ok(number(factor)? * of(variant, metric)?),
        _ => Err(format!("`{text}`: expected a number, or [FACTOR] VARIANT FIGURE")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_compares_figures_numbers_and_multiples() {
        let figure = |variant: usize, metric: &str| match metric {
            "lost" => Ok(variant as f64 * 10.0),
            other => Err(format!("no {other}")),
        };
        for claim in ["0 lost = 0", "1 lost < 2 lost", "2 lost > 1.5 1 lost", "1 lost > 9"] {
            assert_eq!(holds(claim, &figure), Ok(()), "{claim}");
        }
        for (claim, why) in [
            ("1 lost = 0", "does not hold: 10 and 0"),
            ("2 lost > 2.5 1 lost", "does not hold: 20 and 25"),
            ("1 found = 0", "no found"),
            ("1 lost", "expected <, > or ="),
            ("x lost = 0", "`x` is no variant"),
        ] {
            assert!(holds(claim, &figure).unwrap_err().contains(why), "{claim}");
        }
    }
}
