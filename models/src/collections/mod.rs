//! Containers for what the models do most: they cost less than the standard library's there.
//!
//! Pure bookkeeping: nothing of a system is modelled here.

mod ring_map;
mod sorted_vec_map;

pub use ring_map::RingMap;
pub use sorted_vec_map::SortedVecMap;

/// Appends `more` to `list`, which becomes `more` itself where it was empty: a list of one element
/// that goes through several hands is then one allocation.
pub fn append_or_replace<T>(list: &mut Vec<T>, more: Vec<T>) {
    if list.is_empty() {
        *list = more;
    } else {
        list.extend(more);
    }
}
