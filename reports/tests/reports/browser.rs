//! Reports opened in a real browser: no error on the console, no request, and what a pointer and a
//! keyboard do.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use headwater_reports::outcome::{Outcome, Scenario, Source};
use headwater_reports::{compare, report};

use crate::sample;

/// The browser, by its names in Debian, Fedora and Google's own package.
fn browser() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let all: Vec<PathBuf> = env::split_paths(&path)
        .flat_map(|directory| names.map(|name| directory.join(name)))
        .collect();
    all.into_iter().find(|program| program.is_file())
}

/// Opens `page` and gives the resulting document and what the browser logged.
fn open(browser: &Path, page: &Path, user_data: &Path) -> (String, String) {
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--disable-background-networking", "--disable-component-update"])
        .args(["--disable-sync", "--no-first-run", "--enable-logging=stderr", "--v=0"])
        .arg("--virtual-time-budget=5000")
        .arg(format!("--user-data-dir={}", user_data.display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("the browser starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// Anything a document could fetch by itself; links to its own sections fetch nothing.
fn requests(html: &str) -> Vec<&'static str> {
    let html = html.replace("href=\"#", "");
    let needles = ["http://", "https://", "src=", "href=", "url(", "@import", "fetch(", "import("];
    needles.into_iter().filter(|needle| html.contains(needle)).collect()
}

#[test]
fn reports_open_without_console_error_and_without_request() {
    let Some(browser) = browser() else {
        assert!(env::var_os("CI").is_none(), "no chromium: install the package `chromium`");
        eprintln!("NOT TESTED: no chromium found, so no report was opened in a browser");
        return;
    };
    let mut simulated = sample::outcome(Source::Simulated, 7, 110_000.0);
    simulated.diagram = Some(crate::diagram::diagram());
    let live = sample::outcome(Source::Live, 8, 120_000.0);
    let empty = Outcome::empty(Scenario::default(), Source::Live, 1);
    let pages = [
        ("report", report(&simulated), 9),
        ("comparison", compare(&[live, simulated]).to_html(), 7),
        ("empty", report(&empty), 0),
        ("sweep", crate::sweep::sweep(&["0", "5"]).to_html(), 2),
    ];
    let directory = tempfile::tempdir().expect("a directory");
    for (name, html, charts) in pages {
        assert_eq!(requests(&html), [""; 0], "{name} refers to something outside");
        let page = directory.path().join(format!("{name}.html"));
        fs::write(&page, &html).expect("written");
        let (document, log) = open(&browser, &page, &directory.path().join("profile"));
        assert!(log.lines().all(|line| !line.contains("CONSOLE")), "{name}: {log}");
        assert!(!document.contains("data-problems"), "{name}: {document}");
        let expected = format!("data-charts=\"{charts}\"");
        let root = document.get(..400).unwrap_or(&document);
        assert!(root.contains(&expected), "{name}: no {expected} in {root}");
        if let Some(keep) = env::var_os("HEADWATER_KEEP_PAGES") {
            fs::copy(&page, Path::new(&keep).join(format!("{name}.html"))).expect("copied");
        }
    }
}

/// The test above would see an error and a request if there were one.
#[test]
fn a_page_that_fails_and_fetches_is_caught() {
    let Some(browser) = browser() else { return };
    let html = report(&Outcome::empty(Scenario::default(), Source::Live, 1)).replace(
        "</body>",
        "<img src=\"http://127.0.0.1:9/x.png\" alt=\"\"><script>nonsense();</script></body>",
    );
    assert_eq!(requests(&html), ["http://", "src="]);
    let directory = tempfile::tempdir().expect("a directory");
    let page = directory.path().join("bad.html");
    fs::write(&page, html).expect("written");
    let (document, log) = open(&browser, &page, &directory.path().join("profile"));
    assert!(log.contains("nonsense is not defined"), "{log}");
    let root = document.get(..400).unwrap_or(&document);
    assert!(root.contains("data-problems"), "{root}");
}

/// What a pointer and a keyboard bring about in a report, as `pointer.js` saw it.
fn driven(browser: &Path, html: &str) -> serde_json::Value {
    let script = format!("<script>{}</script></body>", include_str!("pointer.js"));
    let directory = tempfile::tempdir().expect("a directory");
    let page = directory.path().join("driven.html");
    fs::write(&page, html.replace("</body>", &script)).expect("written");
    let (document, log) = open(browser, &page, &directory.path().join("profile"));
    let saw = document.split_once("data-saw=\"").and_then(|(_, rest)| rest.split_once('"'));
    let (saw, _) = saw.unwrap_or_else(|| panic!("nothing was seen: {log}"));
    serde_json::from_str(&saw.replace("&quot;", "\"").replace("&amp;", "&")).expect("JSON")
}

#[test]
fn a_pointer_reads_zooms_and_filters_on_all_charts_at_once() {
    let Some(browser) = browser() else {
        eprintln!("NOT TESTED: no chromium found, so no pointer was moved over a report");
        return;
    };
    let saw = driven(&browser, &report(&sample::outcome(Source::Simulated, 7, 110_000.0)));
    assert_eq!(saw["error"], serde_json::Value::Null, "{saw}");
    // 70 % of a minute, while the broker is down.
    assert_eq!((&saw["hover"], &saw["linked"]), (&"at 41.9 s".into(), &"at 41.9 s".into()));
    assert!(saw["fault"].as_str().is_some_and(|text| text.contains("during F1")), "{saw}");
    assert_eq!(saw["values"][2], "0/s", "nothing is acknowledged then: {saw}");
    // From half a minute to 48 s, then back.
    assert_eq!(saw["zoomed"], serde_json::json!(["true", "true"]));
    assert_eq!(saw["zoomed_from"], "at 30.1 s");
    assert_eq!(saw["whole"], serde_json::json!(["false", "false"]));
    assert_eq!(saw["keys"], "at 0.3 s", "the second interval");
    assert_eq!(saw["scale"], serde_json::json!(["log", "linear"]));
    let shown = (&saw["events"], &saw["without"], &saw["rows"]);
    assert_eq!(shown, (&"4".into(), &"2".into(), &2.into()));
    assert_eq!(saw["file"], "sample-7.csv");
    // A head and 300 intervals; seconds, rates, backlog, latencies, lag, resources and levels.
    assert_eq!((&saw["csv"][0], &saw["csv"][1]), (&301.into(), &16.into()), "{saw}");
    assert!(saw["wide"].as_i64().is_some_and(|pixels| pixels <= 0), "it scrolls sideways: {saw}");
}
