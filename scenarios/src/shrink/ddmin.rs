//! Delta debugging of a list.

/// A part of `items` such that `take` accepts it and no candidate that was tried with less is
/// accepted. `take` is handed candidates in order of preference and gives the place of the first
/// that it accepts.
pub(super) fn ddmin<T: Clone>(
    items: Vec<T>,
    mut take: impl FnMut(Vec<Vec<T>>) -> Option<usize>,
) -> Vec<T> {
    let mut items = items;
    let mut parts = 1;
    while !items.is_empty() {
        let length = items.len().div_ceil(parts);
        let without = |start: usize| {
            let end = (start + length).min(items.len());
            [&items[..start], &items[end..]].concat()
        };
        let candidates: Vec<Vec<T>> = (0..items.len()).step_by(length).map(without).collect();
        match take(candidates.clone()) {
            Some(place) => {
                items = candidates[place].clone();
                parts = (parts - 1).max(1);
            }
            None if length == 1 => break,
            None => parts = (parts * 2).min(items.len()),
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_what_is_needed() {
        for needed in [vec![], vec![3], vec![0, 19], vec![4, 5, 17], (0..20).collect()] {
            let mut tried = 0;
            let fails = |candidate: &Vec<u32>| needed.iter().all(|item| candidate.contains(item));
            let left = ddmin((0..20).collect(), |candidates| {
                tried += candidates.len();
                candidates.iter().position(fails)
            });
            assert_eq!(left, needed, "after {tried} candidates");
            assert!(tried <= 120, "{tried} candidates for {needed:?}");
        }
    }
}
