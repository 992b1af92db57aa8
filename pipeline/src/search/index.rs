//! The index of vectors: hierarchical navigable small worlds (Malkov and Yashunin, arXiv
//! 1603.09320), in memory, from the crate `hnsw_rs`.

use std::fmt;

use hnsw_rs::prelude::{Distance, Hnsw};

use super::vector::vector;
use super::words::words;

/// Layers at the most; `hnsw_rs` takes no more.
const LAYERS: usize = 16;
/// Candidates that an insertion keeps (`ef_construction` of pgvector 0.8).
const EF_CONSTRUCTION: usize = 64;
/// Vectors that room is made for at first; it grows.
const ROOM: usize = 100_000;

/// What an index is built with.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Dimensions of a vector.
    pub dimensions: usize,
    /// Neighbours that a vector has in each layer.
    pub m: usize,
    /// Candidates that a search keeps.
    pub ef: usize,
}

/// Vectors of texts by the ids of their tweets.
pub struct Index {
    shape: Shape,
    vectors: Hnsw<'static, f32, Cosine>,
}

/// One less the cosine, of vectors of length 1.
#[derive(Clone, Copy, Debug, Default)]
struct Cosine;

impl Distance<f32> for Cosine {
    fn eval(&self, left: &[f32], right: &[f32]) -> f32 {
        let product: f32 = left.iter().zip(right).map(|(left, right)| left * right).sum();
        (1.0 - product).max(0.0)
    }
}

impl fmt::Debug for Index {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Index").field("shape", &self.shape).field("len", &self.len()).finish()
    }
}

impl Index {
    /// An empty one.
    pub fn new(shape: Shape) -> Self {
        let vectors = Hnsw::new(shape.m, ROOM, LAYERS, EF_CONSTRUCTION, Cosine);
        Self { shape, vectors }
    }

    /// Adds the text of the tweet `id`; one without words can't be found by any.
    pub fn insert(&self, id: u64, text: &str) {
        if let Some(vector) = vector(&words(text), self.shape.dimensions) {
            self.vectors.insert((&vector, id as usize));
        }
    }

    /// Up to `k` tweets whose texts are near to `query`, with the cosine, the nearest first.
    pub fn near(&self, query: &str, k: usize) -> Vec<(u64, f32)> {
        let Some(vector) = vector(&words(query), self.shape.dimensions) else { return vec![] };
        let found = self.vectors.search(&vector, k, self.shape.ef.max(k));
        found.into_iter().map(|near| (near.d_id as u64, 1.0 - near.distance)).collect()
    }

    /// Vectors that are in it.
    pub fn len(&self) -> usize {
        self.vectors.get_nb_point()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_text_is_the_one_with_the_words() {
        let index = Index::new(Shape { dimensions: 128, m: 16, ef: 200 });
        assert!(index.is_empty() && index.near("tea", 3).is_empty());
        let of = |id: u64| format!("word{} and word{} of tweet{id}", id % 97, id % 89);
        (0..2_000).for_each(|id| index.insert(id, &of(id)));
        index.insert(2_000, "...");
        assert_eq!(index.len(), 2_000);
        let missed = (0..2_000).filter(|id| index.near(&of(*id), 1)[0].0 != *id).count();
        assert_eq!(missed, 0, "each is found by its own text");
        let near = index.near("word5 tweet1072", 10);
        assert_eq!(near[0].0, 1_072, "{near:?}");
        assert!(near.windows(2).all(|pair| pair[0].1 >= pair[1].1), "{near:?}");
        assert!(index.near("!", 3).is_empty());
    }
}
