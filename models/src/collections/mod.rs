//! Containers of the models, where they are faster than the standard library's, or less to compile.
//!
//! Bookkeeping only: nothing of a system is modelled here.

mod ring_map;
mod sorted_vec_map;

pub use ring_map::RingMap;
pub use sorted_vec_map::SortedVecMap;

/// Appends `more` to `list`, which becomes `more` itself if it was empty: a short list that is
/// handed on several times is then allocated once.
pub fn append_or_replace<T>(list: &mut Vec<T>, more: Vec<T>) {
    if list.is_empty() {
        *list = more;
    } else {
        list.extend(more);
    }
}
