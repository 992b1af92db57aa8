//! Space-time diagrams, alone and in a report.

use headwater_reports::diagram::{Arrow, Diagram, Moment, Shade, Weight};
use headwater_reports::outcome::Source;
use headwater_reports::report;

use crate::sample;

pub fn diagram() -> Diagram {
    let arrow = |from, to, sent_ns, received_ns, label: &str| Arrow {
        from,
        to,
        sent_ns,
        received_ns,
        label: label.into(),
        detail: "says <what>".into(),
    };
    let moment =
        |at_ns, lane, text: &str, weight| Moment { at_ns, lane, text: text.into(), weight };
    Diagram {
        title: "a <small> run".into(),
        lanes: vec!["producer".into(), "broker-1".into(), "broker-2".into()],
        arrows: vec![
            arrow(0, 1, 1_000, Some(2_000), "produce"),
            arrow(1, 2, 2_500, None, "fetch_response"),
            arrow(1, 0, 2_600, Some(3_500), "produce_response"),
        ],
        moments: vec![
            moment(3_500, Some(0), "producer acked #1", Weight::Note),
            moment(4_000, Some(1), "F1: crash broker-1", Weight::Fault),
            moment(9_000_000_000, None, "no_acked_loss: lost #1", Weight::Finding),
        ],
        shades: vec![Shade {
            lanes: vec![1],
            from_ns: 4_000,
            until_ns: None,
            label: "crash".into(),
        }],
        left_out: 1_234,
    }
}

#[test]
fn a_diagram_stands_alone_and_in_a_report() {
    let alone = diagram().to_svg();
    assert!(alone.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""), "{alone}");
    let mut outcome = sample::outcome(Source::Simulated, 7, 110_000.0);
    assert!(!report(&outcome).contains("What happened"));
    outcome.diagram = Some(diagram());
    let page = report(&outcome);
    assert!(page.contains("3 of 1,237 messages"), "what is left out is counted");
    for picture in [&alone, &page] {
        for label in ["produce</text>", "fetch_response</text>", "broker-2</text>", "9 s</text>"] {
            assert!(picture.contains(label), "{label} is not drawn");
        }
        assert!(picture.contains("a &lt;small&gt; run") && !picture.contains("<what>"));
        assert_eq!(picture.matches("class=\"arrow lost").count(), 1);
        assert_eq!(picture.matches("class=\"shade\"").count(), 1);
        assert_eq!(picture.matches("class=\"finding\"").count(), 1);
    }
    for tag in ["g", "text", "svg", "title"] {
        let (opened, closed) = (format!("<{tag}"), format!("</{tag}>"));
        assert_eq!(alone.matches(&opened).count(), alone.matches(&closed).count(), "{tag}");
    }
}

#[test]
fn an_outcome_keeps_its_diagram() {
    let mut outcome = sample::outcome(Source::Simulated, 7, 110_000.0);
    outcome.diagram = Some(diagram());
    let path = std::path::Path::new("outcome.json");
    let read = headwater_reports::Outcome::parse(outcome.to_json().as_bytes(), path);
    assert_eq!(read.expect("it reads back").diagram, outcome.diagram);
}
