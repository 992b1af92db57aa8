//! A text's vector: its words hashed to places, with a sign each (feature hashing, Weinberger et
//! al., ICML 2009), several places for a word, so that two words hardly ever share all of them.
//! No language model: it finds words, not meanings.

use std::collections::BTreeMap;

/// Places of a word.
const PLACES: u32 = 8;

/// The vector of a text with these words, of length 1; none for a text without words.
pub fn vector(words: &[String], dimensions: usize) -> Option<Vec<f32>> {
    let mut counts = BTreeMap::<&str, u32>::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    let mut vector = vec![0.0_f32; dimensions];
    for (word, count) in counts {
        // A word that is said twice counts less than two words.
        let weight = 1.0 + (count as f32).ln();
        let mut hash = fnv(word.as_bytes());
        for _ in 0..PLACES {
            hash = mixed(hash);
            let place = (hash >> 32) as usize % dimensions;
            vector[place] += if hash & 1 == 0 { weight } else { -weight };
        }
    }
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length == 0.0 {
        return None;
    }
    vector.iter_mut().for_each(|value| *value /= length);
    Some(vector)
}

/// FNV-1a, 64 bits (draft-eastlake-fnv).
fn fnv(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// The step and the output function of SplitMix64 (Steele et al., OOPSLA 2014).
fn mixed(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::super::words::words;
    use super::*;

    fn of(text: &str) -> Vec<f32> {
        vector(&words(text), 128).expect("it has words")
    }

    fn cosine(left: &str, right: &str) -> f32 {
        of(left).iter().zip(of(right)).map(|(left, right)| left * right).sum()
    }

    #[test]
    fn texts_are_as_near_as_they_have_words_in_common() {
        let text = "a cup of green tea in the morning sun";
        assert!((cosine(text, text) - 1.0).abs() < 1e-5);
        assert!((cosine(text, "sun morning the in tea green of cup a") - 1.0).abs() < 1e-5);
        let (near, far) = (cosine(text, "green tea"), cosine(text, "stock prices fell again"));
        assert!(near > 0.3 && far.abs() < 0.3, "{near} {far}");
        assert_eq!(vector(&[], 128), None);
    }
}
