//! The page in a real browser, over services that have just been fed.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use std::{env, fs};

use axum::http::Uri;
use axum::response::Html;
use axum::routing::get;
use headwater_pipeline::arguments::{self, Sync};
use headwater_pipeline::backup::archive::Archive;
use headwater_pipeline::backup::{self, Backup};
use headwater_pipeline::search::Search;
use headwater_pipeline::source::Message;
use headwater_pipeline::stage::Stage;
use headwater_pipeline::trending::windows::Shape;
use headwater_pipeline::trending::{self, Trending};
use headwater_pipeline::web::Web;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{behind, message, served};
use crate::postgres::Postgres;
use crate::programs::{asked, program};
use crate::redis::Redis;
use crate::search::config;

const DRIVER: &str = include_str!("driver.html");

/// The services, as a test feeds them.
struct Services {
    trending: Arc<Trending>,
    search: Arc<Search>,
    backup: Arc<Backup>,
    folder: TempDir,
}

impl Services {
    async fn start(postgres: &Postgres, redis: Option<&Redis>) -> Self {
        let shape = Shape::new(60_000_000, 5_000_000, 60_000_000).expect("a shape");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("tweets.ndjson");
        let (archive, _) = Archive::open(&file, "tweets", Sync::None).expect("a new file");
        let every = Duration::from_millis(1);
        let when = backup::Config { commit_interval: every, resume_interval: every };
        Self {
            trending: Arc::new(Trending::new(trending::Config { shape, top: 50 })),
            search: Arc::new(Search::open(&config(postgres, redis)).await.expect("it starts")),
            backup: Arc::new(Backup::new(archive, when, None)),
            folder,
        }
    }

    async fn feed(&self, messages: Vec<Message>) {
        self.backup.take(messages.clone()).await.expect("taken");
        self.trending.take(messages.clone()).await.expect("taken");
        self.search.take(messages).await.expect("taken");
    }

    /// The page over them, with a page that drives it.
    async fn page(&self) -> Uri {
        let spark = self.folder.path().join("spark.jsonl");
        let progress = json!({
            "batchId": 41, "numInputRows": 1_604, "processedRowsPerSecond": 3_120.5,
            "durationMs": { "triggerExecution": 514 },
        });
        fs::write(&spark, format!("{progress}\n")).expect("written");
        let asked = arguments::Web {
            listen: "127.0.0.1:0".parse().expect("an address"),
            trending: Some(served(&self.trending).await),
            search: vec![served(&self.search).await],
            backup: Some(served(&self.backup).await),
            spark_stats: Some(spark),
            backend_timeout: Duration::from_secs(10),
            summary: None,
        };
        let web = Arc::new(Web::new(asked.clone(), asked.listen));
        behind(web.routes().route("/driver", get(async || Html(DRIVER)))).await
    }
}

/// Tweets of which one hashtag is used more than the next.
fn crowd(ids: std::ops::Range<u64>) -> Vec<Message> {
    const WORDS: [&str; 12] = [
        "morning", "harbour", "a", "ferry", "leaves", "late", "again", "coffee", "the", "rain",
        "stops", "nobody",
    ];
    let word = |n: u64| WORDS[usize::try_from(n % 12).expect("a small number")];
    let tweet = |id: u64| {
        let of = |salt: u64| {
            let mixed = (id * 64 + salt + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 33
        };
        // The n-th in proportion to 1/n, nearly.
        let share = (of(1) % 1_000) as f64 / 1_000.0;
        let tag = 60_f64.powf(share) as u64;
        let said: Vec<&str> = (2..11).map(|salt| word(of(salt))).collect();
        message(id, &format!("{} #{}{}", said.join(" "), word(tag), word(tag / 5 + 3)))
    };
    ids.map(tweet).collect()
}

fn browser(browser: &Path, folder: &Path, arguments: &[String]) -> (String, String) {
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--disable-background-networking", "--disable-component-update"])
        .args(["--disable-sync", "--no-first-run", "--enable-logging=stderr", "--v=0"])
        .arg(format!("--user-data-dir={}", folder.join("profile").display()))
        .args(arguments)
        .output()
        .expect("the browser starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// What `driver.html` saw.
fn saw(document: &str, log: &str) -> Value {
    let saw = document.split_once("data-saw=\"").and_then(|(_, rest)| rest.split_once('"'));
    let (saw, _) = saw.unwrap_or_else(|| panic!("nothing was seen: {log}"));
    let saw =
        saw.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&saw).expect("JSON")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tweet_that_was_just_sent_is_found_and_its_hashtag_is_in_the_cloud() {
    if !asked("a_tweet_that_was_just_sent_is_found_and_its_hashtag_is_in_the_cloud") {
        return;
    }
    let Some(chromium) = program(&["chromium", "chromium-browser", "google-chrome"]) else {
        return;
    };
    let Some(postgres) = Postgres::start().await else { return };
    let redis = Redis::start().await;
    let services = Services::start(&postgres, redis.as_ref()).await;
    let base = services.page().await;
    services.feed(crowd(0..1_500)).await;
    let sent = (1_500..1_600).map(|id| message(id, "otters <b>swim</b> & dive #otterday"));
    services.feed(sent.collect()).await;
    let driver = [
        "--virtual-time-budget=20000".into(),
        "--window-size=1500,1000".into(),
        "--dump-dom".into(),
        format!("{base}driver"),
    ];
    let (document, log) = browser(&chromium, services.folder.path(), &driver);
    let saw = saw(&document, &log);
    assert_eq!(saw["error"], Value::Null, "{saw}");
    assert!(log.lines().all(|line| !line.contains("CONSOLE")), "{log}");
    let found = "otters <b>swim</b> & dive #otterday";
    assert_eq!(saw["found"], found, "by the search box: {saw}");
    assert_eq!(saw["marked"], json!(["otters", "dive"]));
    assert_eq!(saw["nothing"], "No tweet with a word of “zebra” was found.");
    assert_eq!(saw["clicked"], json!(["#otterday", found]), "by its word in the cloud: {saw}");
    let otters = saw["cloud"].as_array().and_then(|all| all.iter().find(|of| of[0] == "otterday"));
    assert_eq!(otters.map(|of| &of[1]), Some(&json!("100")), "{saw}");
    let stages = json!(["Backup", "Spark", "Trending", "Search", "Web"]);
    assert_eq!((&saw["stages"], &saw["state"]), (&stages, &json!("live")), "{saw}");
    let wide = saw["wide"].as_array().expect("three widths");
    assert!(wide.len() == 3 && wide.iter().all(|of| of == 0), "it scrolls sideways: {saw}");
    if let Some(keep) = env::var_os("HEADWATER_KEEP_PAGES") {
        pictures(&chromium, services.folder.path(), &base, &PathBuf::from(keep));
    }
}

/// Pictures of the page in all sizes, in light and dark, for somebody to look at.
fn pictures(chromium: &Path, folder: &Path, base: &Uri, keep: &Path) {
    for (scheme, setting) in [("light", 1), ("dark", 0)] {
        for (width, height) in [(390, 1_900), (800, 1_500), (1_400, 1_000)] {
            let picture = keep.join(format!("pipeline-{width}-{scheme}.png"));
            let arguments = [
                format!("--blink-settings=preferredColorScheme={setting}"),
                format!("--window-size={width},{height}"),
                "--virtual-time-budget=9000".into(),
                format!("--screenshot={}", picture.display()),
                format!("{base}?q=coffee+ferry"),
            ];
            let (_, log) = browser(chromium, folder, &arguments);
            assert!(picture.is_file(), "no picture: {log}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_down_is_said_to_be() {
    if !asked("a_service_that_is_down_is_said_to_be") {
        return;
    }
    let Some(chromium) = program(&["chromium", "chromium-browser", "google-chrome"]) else {
        return;
    };
    let nobody: Uri = format!("http://127.0.0.1:{}", crate::common::port()).parse().expect("one");
    let asked = arguments::Web {
        listen: "127.0.0.1:0".parse().expect("an address"),
        trending: Some(nobody.clone()),
        search: vec![nobody],
        backup: None,
        spark_stats: None,
        backend_timeout: Duration::from_secs(10),
        summary: None,
    };
    let web = Arc::new(Web::new(asked.clone(), asked.listen));
    let base = behind(web.routes()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let page = ["--virtual-time-budget=4000".into(), "--dump-dom".into(), base.to_string()];
    let (document, _) = browser(&chromium, folder.path(), &page);
    assert!(document.contains("down: Trending, Search"), "{document}");
    assert!(document.contains("does not answer: Connection refused"), "{document}");
}
