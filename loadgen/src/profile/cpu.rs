//! How fast a core is, compared with the machine that the models' costs are stated for.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// A core's speed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// Time of one multiplication that waits for the one before, nanoseconds.
    pub(crate) multiply_ns: f64,
}

/// The same on an i3.4xlarge: 3 cycles of latency for a 64-bit multiplication on Broadwell (A. Fog,
/// "Instruction tables") at 2.7 GHz (Amazon EC2 instance types: E5-2686 v4, 2.3 GHz, turbo 2.7
/// GHz).
const REFERENCE_NS: f64 = 3.0 / 2.7;

/// Multiplications in one piece: some 100 us, short enough to be spared by the scheduler now and
/// then.
const PIECE: u32 = 100_000;

impl Clock {
    /// Time here in percent of the time there.
    pub(crate) fn percent(self) -> u32 {
        (self.multiply_ns / REFERENCE_NS * 100.0).round().clamp(1.0, 100_000.0) as u32
    }
}

/// Bytes a second of copies of `size` bytes.
pub(crate) fn copies(size: usize, time: Duration) -> f64 {
    let (from, mut to) = (vec![0x5a_u8; size], vec![0_u8; size]);
    let (mut bytes, since) = (0, Instant::now());
    while bytes == 0 || since.elapsed() < time {
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
        bytes += size;
    }
    bytes as f64 / since.elapsed().as_secs_f64()
}

/// Measures for `time`: the median over pieces, so that what else runs does not count.
pub(crate) fn measure(time: Duration) -> Clock {
    let until = Instant::now() + time;
    let mut pieces = Vec::new();
    while pieces.len() < 11 || Instant::now() < until {
        let start = Instant::now();
        let mut value = black_box(0x9e37_79b9_7f4a_7c15_u64);
        for _ in 0..PIECE {
            value = black_box_free(value);
        }
        black_box(value);
        pieces.push(start.elapsed().as_nanos() as f64 / f64::from(PIECE));
    }
    pieces.sort_by(f64::total_cmp);
    Clock { multiply_ns: pieces[pieces.len() / 2] }
}

/// One multiplication whose result the next one needs. The constant is odd and the product not
/// foldable into a power, as the value comes from a black box.
#[inline(always)]
fn black_box_free(value: u64) -> u64 {
    value.wrapping_mul(value | 1)
}
