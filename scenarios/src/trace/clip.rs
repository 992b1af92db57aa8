//! Values in words, cut short where they are long.

use std::fmt::{self, Debug, Write};

/// Characters that are kept of a value.
const CHARACTERS_MAX: usize = 160;

/// A value's debug form, up to its first `CHARACTERS_MAX` characters. No more than that is
/// formatted, however large the value is.
pub fn clipped(value: &impl Debug) -> String {
    let mut clip = Clip { text: String::new(), room: CHARACTERS_MAX };
    if write!(clip, "{value:?}").is_err() {
        clip.text.push('…');
    }
    clip.text
}

struct Clip {
    text: String,
    room: usize,
}

impl Write for Clip {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            self.room = self.room.checked_sub(1).ok_or(fmt::Error)?;
            self.text.push(character);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_cut_and_what_is_short_is_not() {
        assert_eq!(clipped(&[1, 2]), "[1, 2]");
        let long = clipped(&vec![7; 1_000_000]);
        assert_eq!(long.chars().count(), CHARACTERS_MAX + 1);
        assert!(long.starts_with("[7, 7, ") && long.ends_with('…'), "{long}");
    }
}
