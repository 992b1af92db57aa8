//! Lists that are mostly empty or made once.

/// Appends `more` to `list`, which becomes `more` itself where it was empty: a list of one element
/// that goes through several hands is then one allocation.
pub fn extend<T>(list: &mut Vec<T>, more: Vec<T>) {
    if list.is_empty() {
        *list = more;
    } else {
        list.extend(more);
    }
}
