//! What stands behind a stream in the paper's pipeline: a folder for each part.
//!
//! Stands for the system of "Pravega Performance Analysis and System Implementation" (2022),
//! section 5: tweets come in by a stream and are kept in a file, an engine works on them in
//! batches, a second stream takes what it has made, and behind that hashtags are ranked and tweets
//! searched. Each part is a system of its own, and a scenario chains them (`from`).

/// Declares what comes back to a process, as the tag of what it has asked for: steps that count
/// from 1, and which of them a number is.
macro_rules! steps {
    ($(#[$doc:meta])* enum Step { $first:ident, $($step:ident,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u64)]
        enum Step {
            $first = 1,
            $($step,)*
        }

        fn step_of(number: u64) -> Step {
            const STEPS: &[Step] = &[Step::$first, $(Step::$step,)*];
            STEPS[number as usize - 1]
        }
    };
}

pub mod backup;
pub mod offsets;
pub mod part;
pub mod search;
pub mod spark;
pub mod trending;
