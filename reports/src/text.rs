//! Figures as people read them.

/// A duration of `ns` nanoseconds to three significant digits, such as `4.56 ms`.
pub fn duration(ns: f64) -> String {
    let magnitude = ns.abs();
    let (value, unit) = if magnitude < 999.5 {
        (ns, "ns")
    } else if magnitude < 999.5e3 {
        (ns / 1e3, "µs")
    } else if magnitude < 999.5e6 {
        (ns / 1e6, "ms")
    } else {
        (ns / 1e9, "s")
    };
    format!("{} {unit}", significant(value))
}

/// A percentile, or a dash where too few events lie beyond it.
pub fn duration_or_dash(ns: Option<u64>) -> String {
    ns.map_or_else(|| "–".to_owned(), |ns| duration(ns as f64))
}

/// A number to three significant digits, with separators from a thousand on.
pub fn significant(value: f64) -> String {
    let magnitude = value.abs();
    let digits = if magnitude >= 99.95 || magnitude == 0.0 {
        0
    } else if magnitude >= 9.995 {
        1
    } else if magnitude >= 0.9995 {
        2
    } else {
        3
    };
    if magnitude >= 1_000.0 {
        let sign = if value < 0.0 { "-" } else { "" };
        return format!("{sign}{}", count(magnitude.round() as u64));
    }
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A whole number with separators, such as `48,000`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with a decimal prefix, such as `1.25 M`.
pub fn prefixed(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude < 1e5 {
        significant(value)
    } else if magnitude < 999.5e3 {
        format!("{} k", significant(value / 1e3))
    } else if magnitude < 999.5e6 {
        format!("{} M", significant(value / 1e6))
    } else {
        format!("{} G", significant(value / 1e9))
    }
}

/// Events per second, such as `1,600/s`.
pub fn per_second(rate: f64) -> String {
    format!("{}/s", prefixed(rate))
}

/// Bytes with a decimal prefix, such as `1.2 MB`.
pub fn bytes(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude < 999.5 {
        format!("{} B", significant(value))
    } else if magnitude < 999.5e3 {
        format!("{} kB", significant(value / 1e3))
    } else if magnitude < 999.5e6 {
        format!("{} MB", significant(value / 1e6))
    } else {
        format!("{} GB", significant(value / 1e9))
    }
}

/// A share of one as a percentage, such as `83 %`.
pub fn percent(share: f64) -> String {
    format!("{} %", significant(share * 100.0))
}

/// Text made safe for HTML content and for quoted attributes. Control characters, which no browser
/// shows, become U+FFFD.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(character),
            control if control.is_control() => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits_and_change_unit_at_a_thousand() {
        let all = [0.0, 850.0, 12_340.0, 999_600.0, 4_560_000.0, 61e9].map(duration);
        assert_eq!(all, ["0 ns", "850 ns", "12.3 µs", "1 ms", "4.56 ms", "61 s"]);
        assert_eq!([0.0, 1_600.0, 1.25e6].map(per_second), ["0/s", "1,600/s", "1.25 M/s"]);
        assert_eq!([0.999, 0.8333, 1.0].map(percent), ["99.9 %", "83.3 %", "100 %"]);
        assert_eq!(escape("<a b='\"&\u{1}'>"), "&lt;a b=&#39;&quot;&amp;\u{fffd}&#39;&gt;");
    }
}
