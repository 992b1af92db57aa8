//! Values in words, cut short where they are long.
//!
//! What models and the kernel say of a value is its debug form. For people it is told without what
//! only the language needs: `Produce(Produce { acks: 1, lane: Lane(0), error: None })` is `Produce
//! acks 1, lane 0, error -`.

use std::fmt::{self, Debug, Write};

use headwater_reports::text;

/// Characters that are kept of a value.
const CHARACTERS_MAX: usize = 160;

/// A value in words, up to their first `CHARACTERS_MAX` characters. Not much more than that is
/// formatted, however large the value is.
pub fn clipped(value: &impl Debug) -> String {
    let mut plain = Plain { room: CHARACTERS_MAX, ..Plain::default() };
    if write!(plain, "{value:?}").and_then(|()| plain.flush()).is_err() {
        plain.out.push('…');
    }
    plain.out
}

/// Turns a debug form into words as it is written.
#[derive(Default)]
struct Plain {
    out: String,
    room: usize,
    /// A name or a number that has not been put out: what follows tells what it is.
    word: String,
    /// What closes the brackets that are open.
    open: Vec<Close>,
    /// Within a string.
    quoted: bool,
}

/// What the end of a bracket is.
enum Close {
    /// That of a type's name, which is left out.
    Nothing,
    /// That of a number of nanoseconds.
    Nanoseconds,
    /// Of a list or of fields.
    With(char),
}

impl Plain {
    fn put(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            self.room = self.room.checked_sub(1).ok_or(fmt::Error)?;
            self.out.push(character);
        }
        Ok(())
    }

    fn flush(&mut self) -> fmt::Result {
        let word = std::mem::take(&mut self.word);
        match word.as_str() {
            "None" => self.put("-"),
            word => self.put(word),
        }
    }

    fn open(&mut self, bracket: char) -> fmt::Result {
        let name = std::mem::take(&mut self.word);
        let is_type = name.starts_with(|c: char| c.is_ascii_uppercase());
        let close = match (bracket, name.trim_end()) {
            ('(', "Duration" | "Time") => Close::Nanoseconds,
            ('(', _) if is_type => Close::Nothing,
            // What it is as a whole: which message, which fault.
            ('{', name) if self.open.iter().all(|close| matches!(close, Close::Nothing)) => {
                self.put(name)?;
                self.put(if name.is_empty() { "" } else { " " })?;
                Close::Nothing
            }
            ('{' | '(', _) => {
                self.put("(")?;
                Close::With(')')
            }
            _ => {
                self.put("[")?;
                Close::With(']')
            }
        };
        self.open.push(close);
        Ok(())
    }

    fn close(&mut self) -> fmt::Result {
        match self.open.pop() {
            Some(Close::Nanoseconds) => {
                let word = std::mem::take(&mut self.word);
                let told = word.parse().map_or(word, text::duration);
                self.put(&told)
            }
            Some(Close::With(bracket)) => {
                self.flush()?;
                self.put(bracket.encode_utf8(&mut [0; 4]))
            }
            Some(Close::Nothing) | None => self.flush(),
        }
    }
}

impl Write for Plain {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match character {
                '"' => {
                    self.flush()?;
                    self.quoted = !self.quoted;
                    self.put("\"")?;
                }
                other if self.quoted => self.put(other.encode_utf8(&mut [0; 4]))?,
                '(' | '{' | '[' => self.open(character)?,
                ')' | '}' | ']' => self.close()?,
                ',' => {
                    self.flush()?;
                    self.put(", ")?;
                }
                ':' => {
                    self.flush()?;
                    self.put(" ")?;
                }
                // Before a bracket, or behind what has put one out already.
                ' ' => {}
                other => self.word.push(other),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use headwater_sim::time::Duration;

    use super::*;

    #[derive(Debug)]
    #[expect(dead_code, reason = "what is read is the debug form")]
    struct Batch {
        lane: Lane,
        count: u64,
        error: Option<Lane>,
    }

    #[derive(Debug)]
    #[expect(dead_code, reason = "what is read is the debug form")]
    struct Lane(u32);

    #[derive(Debug)]
    #[expect(dead_code, reason = "what is read is the debug form")]
    enum Message {
        Produce { acks: i16, batches: Vec<Batch>, wait: Duration },
    }

    #[test]
    fn a_value_is_told_without_what_the_language_needs() {
        let batches = [(1, None), (2, Some(Lane(7)))];
        let batches = batches.map(|(count, error)| Batch { lane: Lane(0), count, error }).into();
        let message = Some(Message::Produce { acks: -1, batches, wait: Duration::from_millis(3) });
        let told = "Produce acks -1, batches [(lane 0, count 1, error -), \
                    (lane 0, count 2, error 7)], wait 3 ms";
        assert_eq!(clipped(&message), told);
        assert_eq!(clipped(&("a: b", 1)), "(\"a: b\", 1)");
    }

    #[test]
    fn what_is_long_is_cut_and_what_is_short_is_not() {
        assert_eq!(clipped(&[1, 2]), "[1, 2]");
        let long = clipped(&vec![7; 1_000_000]);
        assert_eq!(long.chars().count(), CHARACTERS_MAX + 1);
        assert!(long.starts_with("[7, 7, ") && long.ends_with('…'), "{long}");
    }
}
