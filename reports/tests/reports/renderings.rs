//! Text and HTML of single runs.

use headwater_reports::outcome::{Difference, Mark, Outcome, Scenario, Source, Status};
use headwater_reports::{Gauge, Recorder, Resources, compare, report, summary};

use crate::sample;

#[test]
fn the_summary_puts_verdicts_first_and_aligns() {
    insta::assert_snapshot!(summary(&sample::outcome(Source::Live, 7, 120_000.0)));
}

#[test]
fn the_compact_form_is_short_and_free_of_fractions() {
    let compact = sample::outcome(Source::Simulated, 7, 120_000.0).compact();
    insta::assert_json_snapshot!(compact);
}

#[test]
fn the_same_outcome_renders_to_the_same_small_file() {
    let outcome = sample::outcome(Source::Simulated, 7, 120_000.0);
    let html = report(&outcome);
    assert_eq!(html, report(&sample::outcome(Source::Simulated, 7, 120_000.0)));
    assert!(html.len() < 200_000, "report.html has {} bytes", html.len());
}

#[test]
fn the_report_of_a_day_is_below_a_megabyte_and_shows_every_kind_of_event() {
    let mut outcome = sample::outcome(Source::Simulated, 7, 120_000.0);
    let day = 864_000;
    let series = &mut outcome.series;
    let counts = |at: u64| 1_000 + at * 7_919 % 613;
    let column: Vec<u64> = (0..day).map(counts).collect();
    let some: Vec<Option<u64>> = column.iter().map(|ns| Some(ns * 1_000)).collect();
    for of in [&mut series.offered, &mut series.sent, &mut series.acked] {
        of.clone_from(&column);
    }
    (series.consumed, series.backlog) = (column.clone(), column.clone());
    series.response_p50_ns.clone_from(&some);
    series.response_p99_ns.clone_from(&some);
    (series.response_max_ns, series.schedule_lag_p99_ns) = (some.clone(), some);
    let levels: Vec<Option<f64>> = column.iter().map(|level| Some(*level as f64)).collect();
    let gauge = |(name, unit): (u32, &str)| Gauge {
        name: format!("broker-{name}/level"),
        unit: unit.to_owned(),
        values: levels.clone(),
    };
    let units = ["bytes", "events", "ns", "entries"];
    series.gauges =
        units.iter().flat_map(|unit| (1..4).map(move |it| (it, *unit))).map(gauge).collect();
    series.interval_ns = 100_000_000;
    outcome.duration_ns = day * 100_000_000;
    outcome.resources = Resources::default();
    let mark = |(index, name): (u64, &str)| Mark {
        at_ns: index * 1_000_000_000,
        name: name.to_owned(),
        detail: format!("ledger {index}, epoch 2"),
    };
    outcome.marks = (0..50_000).map(|index| mark((index, "ledger_created"))).collect();
    outcome.marks.push(mark((60_000, "leader_elected")));
    let html = report(&outcome);
    assert!(html.len() < 1_000_000, "report.html has {} bytes", html.len());
    assert!(html.contains("Each point stands for 720 intervals of 100 ms"));
    assert!(html.contains("the first 3,999 of 50,000") && html.contains("ledger 60000"));
}

#[test]
fn the_report_names_what_it_must_and_escapes_text() {
    let html = report(&sample::outcome(Source::Simulated, 7, 120_000.0));
    for needle in [
        "Passed with warnings",
        "headwater run burst/sample --seed 7",
        "Binding constraint: <strong>broker-1/request threads",
        "A goal is scored while a &lt;broker&gt; &amp; its disk fail",
        "F2: slow_disk broker-2/disk0, 42 s to the end",
        "p99.9",
        "<td class=\"k\">during F1 + F2</td>",
        "<a href=\"#phases\">Before, during and after faults</a>",
        "changed option",
        "<wbr>07</code></td><td class=\"k\" data-label=\"value\"><code>3584</code>",
        "SHA-256 <code class=\"long\">5ca1ab1e</code>",
        "kind = &quot;kafka&quot; # &lt;/script&gt; &amp; &lt;b&gt;",
        "data-copy=\"reproduce\"",
    ] {
        assert!(html.contains(needle), "`{needle}` is missing");
    }
    assert!(!html.contains("a <broker>"));
}

#[test]
fn where_events_waited_is_drawn_to_scale_named_and_told_in_figures() {
    let mut outcome = sample::outcome(Source::Simulated, 7, 120_000.0);
    let html = report(&outcome);
    let section = html.split("<h2 id=\"waited\"").nth(1).expect("it has its section");
    let section = section.split("<h2").next().expect("some");
    assert_eq!(section.matches("<div class=\"wait\">").count(), 6, "three events, two latencies");
    for needle in [
        // 3.9 s of 4.00008 s.
        "flex-grow:0.97498",
        "title=\"failover 3.9 s (97.5 %)\">failover</i>",
        "aria-label=\"max 4 s: ",
        "replication 30 ms (0.7 %)",
        "waited for &lt;linger&gt;",
        "3.9 s<br><span class=\"dim\">97.5 %</span>",
        "producer-1 lane 3 #4711<br>due at 41 s",
    ] {
        assert!(section.contains(needle), "`{needle}` is missing: {section}");
    }
    // A mechanism has one colour in all bars.
    for class in ["b0", "b1"] {
        let key = format!("<i class=\"key {class}\"></i>");
        let names: Vec<&str> =
            section.split(&key).skip(1).filter_map(|rest| rest.split('<').next()).collect();
        assert!(names.len() == 2 && names[0] == names[1], "{class}: {names:?}");
    }
    outcome.waited.clear();
    assert!(!report(&outcome).contains("Where events waited"));
}

#[test]
fn what_binds_is_that_writers_stood_still_where_nothing_was_busy() {
    let mut outcome = sample::outcome(Source::Simulated, 7, 120_000.0);
    let busy = headwater_reports::constraint(&outcome);
    assert!(busy.starts_with("broker-1/request threads"), "{busy}");
    let idle = outcome.resources.iter().cloned().map(|mut resource| {
        resource.utilisation_mean /= 10.0;
        resource
    });
    outcome.resources = Resources::new(idle.collect());
    let told = headwater_reports::constraint(&outcome);
    for want in [
        "no resource, yet writers stood still for 4",
        "longest from 40 s to 44",
        "crash of broker-1",
        "the busiest is broker-1/request threads",
    ] {
        assert!(told.contains(want), "{want}: {told}");
    }
    assert!(summary(&outcome).contains(&format!("binding constraint  {told}")));
    assert!(report(&outcome).contains("<b>stood still 4"), "the tile");
    outcome.series.acked.fill(1);
    assert!(headwater_reports::constraint(&outcome).starts_with("none: the busiest is"));
}

#[test]
fn what_a_live_run_did_otherwise_is_told_in_every_rendering() {
    let mut outcome = sample::outcome(Source::Live, 7, 120_000.0);
    assert!(!summary(&outcome).contains("not as the scenario asks"));
    assert!(!report(&outcome).contains("Not as the scenario asks"));
    outcome.differences.push(Difference {
        option: "system.client".to_owned(),
        asked: "java".to_owned(),
        done: "librdkafka".to_owned(),
        why: "The generator has no JVM & no <client> of it.".to_owned(),
    });
    let text = summary(&outcome);
    assert!(text.contains("system.client: asked java, done librdkafka"), "{text}");
    let html = report(&outcome);
    for needle in ["<code>system.client</code>", "The generator has no JVM &amp; no &lt;client&gt;"]
    {
        assert!(html.contains(needle), "`{needle}` is missing");
    }
    let simulated = sample::outcome(Source::Simulated, 7, 120_000.0);
    let comparison = compare(&[simulated, outcome.clone()]);
    let warning = "B is not what its scenario asks for: system.client was to be java and was \
                   librdkafka";
    assert!(comparison.warnings.iter().any(|told| told == warning), "{:?}", comparison.warnings);
    assert!(comparison.to_text().contains(warning) && comparison.to_html().contains(warning));
    let read = Outcome::parse(outcome.to_json().as_bytes(), std::path::Path::new("x"));
    assert_eq!(read.expect("it reads back").differences, outcome.differences);
}

#[test]
fn a_run_interrupted_before_its_first_event_renders_without_nonsense() {
    let mut outcome = Outcome::empty(Scenario::default(), Source::Live, 1);
    outcome.status = Status::Interrupted { why: "Ctrl-C".to_owned() };
    let recorder = Recorder::new(1_000_000_000, outcome.window);
    recorder.finish(0, &mut outcome);
    for html in [report(&outcome), summary(&outcome)] {
        assert!(html.contains("Interrupted (Ctrl-C)"));
        let content = html.rsplit("</style>").next().expect("some");
        assert!(!content.contains("NaN") && !content.contains("inf"), "{content}");
    }
    assert_eq!(outcome.exit_code(), 1);
}
