//! A text's words, as they are searched for.

/// Letters of a word at the most: a longer one is what begins it. No index of a database takes any
/// length.
const LONGEST: usize = 64;

/// Words of `text` in order, in small letters. A word is a run of letters, digits and `_`; where
/// words are not set apart (Chinese, Japanese, Thai) it is each pair of letters that follow one
/// another.
pub fn words(text: &str) -> Vec<String> {
    let mut words = vec![];
    let mut run = String::new();
    let mut unspaced: Vec<char> = vec![];
    for letter in text.chars().flat_map(char::to_lowercase).chain([' ']) {
        if is_unspaced(letter) {
            finish(&mut run, &mut words);
            unspaced.push(letter);
        } else {
            pairs(&mut unspaced, &mut words);
            if letter.is_alphanumeric() || letter == '_' {
                run.push(letter);
            } else {
                finish(&mut run, &mut words);
            }
        }
    }
    words
}

/// The same, each once and in order of its letters.
pub fn different(text: &str) -> Vec<String> {
    let mut words = words(text);
    words.sort();
    words.dedup();
    words
}

fn finish(run: &mut String, words: &mut Vec<String>) {
    if !run.is_empty() {
        let end = run.char_indices().nth(LONGEST).map_or(run.len(), |(end, _)| end);
        run.truncate(end);
        words.push(std::mem::take(run));
    }
}

fn pairs(letters: &mut Vec<char>, words: &mut Vec<String>) {
    if let [letter] = letters[..] {
        words.push(letter.into());
    }
    words.extend(letters.windows(2).map(|pair| pair.iter().collect::<String>()));
    letters.clear();
}

/// Letters of scripts that set no blanks between words (Scripts.txt, Unicode 16).
fn is_unspaced(letter: char) -> bool {
    matches!(letter,
        '\u{e00}'..='\u{eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_runs_of_letters_in_small_letters() {
        assert_eq!(words("Tea, #Tea & user_7's ÜBER!"), ["tea", "tea", "user_7", "s", "über"]);
        assert_eq!(different("b a b"), ["a", "b"]);
        assert!(words(" ... \u{0} #").is_empty());
        assert_eq!(words(&"é".repeat(5_000)), ["é".repeat(64)]);
    }

    #[test]
    fn where_no_blank_is_set_pairs_of_letters_are_words() {
        assert_eq!(words("日本の人 ok"), ["日本", "本の", "の人", "ok"]);
        assert_eq!(words("x人y"), ["x", "人", "y"]);
        assert_eq!(words("한국 말"), ["한국", "말"], "Korean sets blanks");
        assert!(words("ครับ").iter().all(|pair| pair.chars().count() == 2));
    }
}
