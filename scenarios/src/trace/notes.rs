//! Notes of the models, in words.

use headwater_models::batch::Batch;
use headwater_models::note::Note;
use headwater_models::property::When;
use headwater_sim::node::Note as _;

use super::Noted;

/// A note as it stands in a trace.
pub fn describe(note: &Note) -> Noted {
    let (kind, peer, text) = match note {
        Note::Acked { batch } => ("acked", None, events(batch)),
        Note::Failed { batch, error } => ("failed", None, format!("{} {error}", events(batch))),
        Note::Delivered { reader, batch, position } => {
            ("delivered", None, format!("{} to reader {reader} at {position}", events(batch)))
        }
        Note::HandedOn { to, count, again, .. } => {
            let again = if *again > 0 { format!(", {again} of them again") } else { String::new() };
            ("handed_on", None, format!("{count} events to stream {}{again}", to.0))
        }
        Note::Through { way, .. } => ("through", None, format!("{} events", way.len())),
        Note::Watermark { level, entity, value } => {
            // The greatest value stands for -1: nothing confirmed yet.
            let value = if *value == u64::MAX { "none".into() } else { value.to_string() };
            (level.name, None, format!("of #{entity} is {value}"))
        }
        Note::Event { mark, entity, peer, value } => {
            let value = match *value {
                0 | u64::MAX => String::new(),
                value => format!(", {value}"),
            };
            (mark.name, *peer, format!("#{entity}{value}"))
        }
        Note::Expired { lane, position, .. } => {
            ("expired", None, format!("lane {} begins at {position}", lane.0))
        }
        Note::Ranked(ranking) => {
            let (from, until) = (ranking.from, ranking.until);
            ("ranked", None, format!("{} topics of {from} to {until}", ranking.counts.len()))
        }
        Note::Late { last, topic, .. } => {
            ("late", None, format!("topic {topic}, for a window that ended at {last}"))
        }
        Note::Asked { number, state } => ("asked", None, format!("query {number}: {state:?}")),
        Note::Folded => ("folded", None, "asked for what has been folded".into()),
        Note::Property { property, entity, holds } => {
            let holds = if *holds { "holds" } else { "does not hold" };
            let entity = match property.when {
                When::Sometimes => String::new(),
                _ => format!(" of #{entity}"),
            };
            ("property", None, format!("{}{entity} {holds}", property.name))
        }
    };
    Noted { kind: kind.into(), peer, digest: note.digest(), text }
}

/// The events of a batch.
fn events(batch: &Batch) -> String {
    let Batch { writer, lane, first, .. } = batch;
    let last = batch.last();
    let range = if last == *first { format!("#{first}") } else { format!("#{first}..={last}") };
    format!("lane {} writer {writer} {range}", lane.0)
}
