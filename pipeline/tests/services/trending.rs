use std::sync::Arc;

use headwater_pipeline::source::Message;
use headwater_pipeline::stage::Stage;
use headwater_pipeline::trending::windows::Shape;
use headwater_pipeline::trending::{Config, Trending};
use serde_json::json;

use crate::common::{get, message, served};

fn trending() -> Arc<Trending> {
    let shape = Shape::new(60_000_000, 5_000_000, 60_000_000).expect("a shape");
    Arc::new(Trending::new(Config { shape, top: 2 }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_hashtag_counts_once_for_each_tweet_however_often_that_is_delivered() {
    let stage = trending();
    let at = served(&stage).await;
    let tweets = [(1, "#tea #Tea"), (2, "#tea"), (3, "#sun"), (4, "#moon"), (5, "#tea #sun")];
    let batch: Vec<Message> = tweets.iter().map(|(id, text)| message(*id, text)).collect();
    let broken = Message { offset: 6, value: b"{\"id\":".to_vec(), ..Message::default() };
    stage.take(batch.clone()).await.expect("taken");
    stage.take([vec![broken], batch].concat()).await.expect("taken");
    let (status, top) = get(&at, "/top").await;
    let first = json!([{ "hashtag": "tea", "count": 3 }, { "hashtag": "sun", "count": 2 }]);
    assert_eq!((status, &top["top"]), (200, &first));
    assert_eq!((&top["tweets"], &top["hashtags"]), (&json!(5), &json!(3)));
    let length = top["until"].as_u64().zip(top["from"].as_u64()).map(|(until, from)| until - from);
    assert_eq!(length, Some(60_000_000));
    let (_, all) = get(&at, "/top?k=3&scope=all").await;
    assert_eq!(all["top"][2], json!({ "hashtag": "moon", "count": 1 }));
    let (_, stats) = get(&at, "/stats").await;
    let counts = ["received", "distinct", "repeated", "malformed", "late"];
    assert_eq!(counts.map(|name| stats[name].as_u64()), [11, 5, 5, 1, 0].map(Some), "{stats}");
    assert_eq!((&stats["stage"], &stats["delay_us"]["count"]), (&json!("trending"), &json!(5)));
    assert_eq!(get(&at, "/health").await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_can_not_be_asked_is_refused_with_what_was_expected() {
    let stage = trending();
    let at = served(&stage).await;
    let cases = [
        ("/top?k=0", "a whole number from 1"),
        ("/top?k=many", "a whole number from 1"),
        ("/top?scope=year", "window or all"),
        ("/top?until=7", "a multiple of 5000000"),
        ("/top?until=5000000&scope=all", "one of them"),
    ];
    for (path, expected) in cases {
        let (status, answer) = get(&at, path).await;
        let told = answer["error"].as_str().unwrap_or_default();
        assert!(status == 400 && told.contains(expected), "{path}: {status} {answer}");
    }
}
