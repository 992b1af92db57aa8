//! Texts in a language's letters: invented words, cut from a stock of them.

use headwater_sim::fingerprint::mix;
use headwater_sim::random::Seed;
use rand::Rng;
use rand::seq::IndexedRandom as _;

use crate::languages::Language;

/// Syllables of a language, whether words stand apart, and what a letter counts of a tweet's limit:
/// two for the letters of Japanese and Korean ("Counting characters", developer.twitter.com).
struct Letters {
    syllables: &'static [&'static str],
    spaced: bool,
    weight: u32,
}

const LATIN: &[&str] = &[
    "ta", "ne", "ri", "so", "ku", "me", "da", "lo", "pi", "be", "ga", "ho", "vi", "ze", "an", "er",
    "in", "on", "al", "es", "tor", "men", "lin", "sar",
];
const GERMAN: &[&str] = &["ein", "sch", "ver", "ge", "ung", "ter", "über", "für", "mä", "ßen"];
const FRENCH: &[&str] = &["é", "le", "tion", "que", "ou", "è", "mon", "ça", "eau", "tre"];
const IBERIAN: &[&str] = &["ção", "ño", "que", "es", "la", "do", "á", "mente", "ri", "to"];
const TURKISH: &[&str] = &["lar", "ğı", "şe", "mi", "bu", "yor", "ün", "çe", "da", "kı"];
const JAPANESE: &[&str] = &[
    "の", "に", "は", "を", "た", "が", "で", "て", "と", "し", "れ", "さ", "あ", "い", "ん", "日",
    "本", "今", "人", "時", "バ", "ル", "ス", "ー",
];
const KOREAN: &[&str] =
    &["이", "다", "는", "의", "가", "에", "을", "하", "고", "지", "로", "한", "사", "나", "오"];
const ARABIC: &[&str] =
    &["ال", "من", "في", "ما", "لا", "ه", "و", "ي", "ك", "ب", "ت", "ر", "س", "ع", "م"];
const THAI: &[&str] =
    &["กา", "รน", "ที", "มี", "คน", "ไป", "ได", "ให", "เป", "วัน", "นะ", "ครับ", "เรา"];

fn letters(language: Language) -> Letters {
    let (syllables, spaced, weight) = match language {
        Language::En | Language::Id | Language::Ms | Language::Nl => (LATIN, true, 1),
        Language::De => (GERMAN, true, 1),
        Language::Fr => (FRENCH, true, 1),
        Language::Es | Language::Pt => (IBERIAN, true, 1),
        Language::Tr => (TURKISH, true, 1),
        Language::Ja => (JAPANESE, false, 2),
        Language::Ko => (KOREAN, true, 2),
        Language::Ar => (ARABIC, true, 1),
        Language::Th => (THAI, false, 1),
    };
    Letters { syllables, spaced, weight }
}

/// A stock of words of one language.
#[derive(Clone, Debug)]
pub(super) struct Stock {
    pub(super) language: Language,
    /// What a letter counts of the limit.
    pub(super) weight: u32,
    text: String,
    /// Where each letter begins, in bytes, and the end.
    letters: Vec<u32>,
    /// Numbers of the letters that begin a word, in the first half.
    words: Vec<u32>,
}

/// Letters of a stock at least.
const STOCK: usize = 4_096;

impl Stock {
    pub(super) fn new(language: Language, seed: Seed) -> Self {
        let Letters { syllables, spaced, weight } = letters(language);
        let mut draws = seed.stream("texts", u64::from(language.code().as_bytes()[0]) << 8);
        let (mut text, mut count, mut words) = (String::new(), 0, Vec::new());
        while count < STOCK {
            if count < STOCK / 2 {
                words.push(count as u32);
            }
            for _ in 0..draws.random_range(1..=4_u64) {
                let syllable = syllables.choose(&mut draws).expect("a language has syllables");
                text.push_str(syllable);
                count += syllable.chars().count();
            }
            if spaced {
                text.push(' ');
                count += 1;
            }
        }
        let starts = text.char_indices().map(|(at, _)| at as u32);
        let letters = starts.chain([text.len() as u32]).collect();
        Self { language, weight, text, letters, words }
    }

    /// Up to `most` letters in up to `room` bytes, from a word on that `salt` decides: how many.
    pub(super) fn cut(&self, salt: u64, most: usize, room: usize, out: &mut Vec<u8>) -> usize {
        let end = out.len() + room;
        let mut salt = mix(salt, 0x1f83_d9ab_fb41_bd6b);
        let mut count = 0;
        while count < most {
            let from = self.words[(salt >> 32) as usize % self.words.len()] as usize;
            let take = (most - count).min(STOCK / 2);
            let start = self.letters[from];
            let bytes = end - out.len();
            let fits = |letters: usize| (self.letters[from + letters] - start) as usize <= bytes;
            let mut take_now = take;
            while !fits(take_now) {
                // A letter has three bytes at the most.
                let over = (self.letters[from + take_now] - start) as usize - bytes;
                take_now -= over.div_ceil(3).min(take_now);
            }
            let until = self.letters[from + take_now];
            out.extend_from_slice(&self.text.as_bytes()[start as usize..until as usize]);
            count += take_now;
            if take_now < take {
                break;
            }
            salt = mix(salt, 1);
        }
        if let Some(last) = out.last_mut().filter(|last| count > 0 && **last == b' ') {
            *last = b'.';
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_the_letters_and_the_room_asked_for_in_every_language() {
        for language in [Language::En, Language::De, Language::Ja, Language::Ar, Language::Th] {
            let stock = Stock::new(language, Seed(7));
            for (salt, most, room) in
                [(1, 33, 900), (2, 280, 900), (3, 280, 50), (4, 5_000, 20_000)]
            {
                let mut out = b"\"".to_vec();
                let count = stock.cut(salt, most, room, &mut out);
                let text = String::from_utf8(out[1..].to_vec()).expect("no letter is cut");
                assert_eq!(text.chars().count(), count);
                assert!(text.len() <= room && count <= most, "{text:?}");
                assert!(count == most || text.len() + 3 > room, "{count} of {most} in {room}");
            }
        }
    }
}
