//! Folding a history: what is long over is kept in fewer ranges.
//!
//! A range keeps its times apart from those of its neighbours so that a finding can say when. Of
//! what was acknowledged and delivered long ago, in order and without a gap, nothing is left to be
//! found but that it comes again: for that it is enough to know which events they were and at which
//! positions they stood. Where events of several writers lie between one another, it is kept
//! between which positions: two readers that were handed them in another order are told apart as
//! long as nothing is folded, and afterwards only if one was handed others. What was lost, repeated
//! or out of order keeps its times and its ranges.

use headwater_models::system::Positions;
use headwater_sim::time::Time;

use super::history::{History, Span};

/// Spans that follow one another: consecutive positions, and consecutive events of each writer.
struct Run {
    /// One for each writer; of the same positions and times.
    spans: Vec<Span>,
}

impl Run {
    /// Takes in what another writer has of a run that was folded before; false if it is not of
    /// this one.
    fn take_beside(&mut self, span: Span) -> bool {
        let beside = self.spans.first().is_some_and(|first| first.is_beside(&span));
        if beside {
            self.spans.push(span);
        }
        beside
    }

    /// Takes a span in that goes on where the run ends; false if it does not.
    fn take(&mut self, span: &Span, positions: Positions) -> bool {
        let Some(run) = self.spans.first().copied() else { return false };
        let end = run.position + run.width;
        let goes_on = match positions {
            Positions::Events => span.position == end,
            Positions::Bytes => span.position >= end,
        };
        let own = self.spans.iter_mut().find(|of| of.writer == span.writer);
        match own {
            _ if !goes_on => return false,
            Some(own) if own.last + 1 != span.first => return false,
            Some(own) => own.last = span.last,
            None => self.spans.push(*span),
        }
        let interleaved = self.spans.len() > 1;
        for of in &mut self.spans {
            of.position = run.position;
            of.width = span.position + span.width - run.position;
            (of.from, of.until) = (run.from, run.until.max(span.until));
            of.interleaved = interleaved;
        }
        true
    }
}

impl History {
    /// Keeps what was over before `before` in fewer ranges. Verdicts stay the same; findings of
    /// what was in order then lose the time, to which nothing points any more.
    pub fn fold(&mut self, before: Time) {
        let read = self.read_by(|_| true);
        self.acked.fold(before, |lane, writer, range| {
            read.get(lane, writer).is_some_and(|read| read.covers(range.first, range.last))
        });
        for spans in self.read.iter_mut().flatten() {
            fold(spans, before, self.positions);
        }
    }
}

fn fold(spans: &mut Vec<Span>, before: Time, positions: Positions) {
    let old = spans.iter().take_while(|span| span.until < before).count();
    let mut runs: Vec<Run> = Vec::new();
    for span in spans.drain(..old) {
        let taken = runs.last_mut().is_some_and(|run| match span.interleaved {
            true => run.take_beside(span),
            false => run.take(&span, positions),
        });
        if !taken {
            runs.push(Run { spans: vec![span] });
        }
    }
    spans.splice(..0, runs.into_iter().flat_map(|run| run.spans));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::Events;
    use crate::{Audience, Promises, Suite};
    use headwater_models::batch::StreamId;
    use headwater_models::system::Once;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    /// A step of a run: (what, writer, how many). Writers write to one lane; two readers read it.
    type Step = (u8, u32, u64);

    fn play(steps: &[Step], folding: bool, audience: Audience) -> Vec<(String, u64, u64, bool)> {
        let mut history = History::new(StreamId(0), Positions::Events);
        let mut log: Vec<(u32, u64)> = Vec::new();
        let (mut next, mut at) = ([0_u64; 3], [0_usize; 2]);
        for (now, (what, writer, count)) in (1..).zip(steps) {
            let (now, lane, stream) = (Time(now * SECOND), 0, StreamId(0));
            let of = |writer, first, count| Events { stream, writer, lane, first, count };
            let reader = (*writer % 2) as usize;
            match what {
                // Written and acknowledged; now and then lost, or stored twice.
                0..=4 => {
                    let first = next[*writer as usize];
                    next[*writer as usize] += count;
                    history.acked(now, of(*writer, first, *count));
                    let copies = match (what, count) {
                        (4, 1) => 0,
                        (4, 2) => 2,
                        _ => 1,
                    };
                    for _ in 0..copies {
                        log.extend((first..first + count).map(|number| (*writer, number)));
                    }
                }
                // A reader reads on, or from further back, or skips.
                _ => {
                    let here = &mut at[reader];
                    match (what, count) {
                        (8, 1) => *here = here.saturating_sub(5),
                        (8, 2) => *here = (*here + 2).min(log.len()),
                        _ => {}
                    }
                    for (position, (writer, first)) in log.iter().enumerate().skip(*here) {
                        let wrong = (*what, *count) == (8, 3);
                        let first = if wrong { first + 1_000 } else { *first };
                        let events = of(*writer, first, 1);
                        history.delivered(now, reader as u32, events, position as u64, 0);
                    }
                    *here = log.len();
                }
            }
            if folding && now.0 % (7 * SECOND) == 0 {
                history.fold(Time(now.0.saturating_sub(5 * SECOND)));
            }
        }
        let promises = Promises { once: Once::Delivered, audience, ..Promises::default() };
        let verdicts = Suite::from(promises).run(&history);
        let seen = verdicts.into_iter();
        seen.map(|of| (of.name.to_owned(), of.checked, of.violations, of.passed)).collect()
    }

    proptest! {
        #[test]
        fn a_folded_history_has_the_same_verdicts(
            steps in prop::collection::vec((0_u8..9, 0_u32..3, 1_u64..4), 0..80),
        ) {
            for audience in [Audience::Group, Audience::Each] {
                let (whole, folded) =
                    (play(&steps, false, audience), play(&steps, true, audience));
                for (whole, folded) in whole.iter().zip(&folded) {
                    match whole.0.as_str() {
                        // Of two readings of what was interleaved it may not be known any more
                        // that they differ; that those differ which do not is never said.
                        "readers_agree" => {
                            prop_assert!(!whole.3 || folded.3, "{:?} {:?}", whole, folded);
                        }
                        "no_duplicates" => {
                            prop_assert_eq!(whole.3, folded.3, "{:?} {:?}", whole, folded);
                        }
                        _ => prop_assert!(whole == folded, "{:?} {:?}", whole, folded),
                    }
                }
            }
        }
    }

    #[test]
    fn memory_of_a_history_does_not_grow_with_its_length() {
        let spans = |seconds: u64| {
            let mut history = History::new(StreamId(0), Positions::Events);
            for event in 0..100 * seconds {
                let now = Time(event * SECOND / 100);
                let (writer, first) = ((event % 3) as u32, event / 3);
                let events = Events { stream: StreamId(0), writer, lane: 0, first, count: 1 };
                history.acked(now, events);
                history.delivered(now, 0, events, event, 0);
                if event % 1_000 == 999 {
                    history.fold(Time(now.0.saturating_sub(10 * SECOND)));
                }
            }
            (history.read[0][0].len(), history.acked.ranges())
        };
        assert_eq!(spans(60), spans(600));
    }
}
