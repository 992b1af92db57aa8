//! Payloads that are tweets as Twitter's API has them: valid JSON, of exactly the scheduled size,
//! checked as all payloads are.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use headwater_models::arrival::Arrival;
use headwater_sim::random::Seed;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::Bytes;
use headwater_traffic::{
    Kernel, KeyMode, Language, LanguageSpec, PayloadForm, Payloads, Place, Plan, SizeModel,
    TrafficSpec, Tweet, parse,
};
use proptest::prelude::*;
use serde_json::Value;

const FORMS: [PayloadForm; 2] = [PayloadForm::TweetV1, PayloadForm::TweetV2];

fn spec(payload: PayloadForm) -> TrafficSpec {
    let codes = [Language::En, Language::Ja, Language::Ar, Language::Th, Language::Pt];
    let one = |code| LanguageSpec { code, share: 1.0, later: Duration::ZERO };
    let mut spec = TrafficSpec {
        payload,
        languages: codes.map(one).to_vec(),
        duration: Duration::from_secs(3),
        ..TrafficSpec::default()
    };
    spec.hashtags.share = 0.5;
    spec.cascades.ratio = 0.5;
    spec
}

fn plan(payload: PayloadForm) -> Arc<Plan> {
    Arc::new(spec(payload).plan(Seed(7)).unwrap())
}

static PAYLOADS: LazyLock<[Payloads; 2]> = LazyLock::new(|| FORMS.map(|f| Payloads::new(plan(f))));
/// The same keyed by hashtag: a key is a hashtag then, however long its name is.
static BY_TAG: LazyLock<[Payloads; 2]> = LazyLock::new(|| {
    let keyed = |form| TrafficSpec { key: KeyMode::Hashtag, ..spec(form) };
    FORMS.map(|form| Payloads::new(Arc::new(keyed(form).plan(Seed(7)).unwrap())))
});

fn letters(text: &str, from: &Value, until: &Value) -> String {
    let (from, until) = (from.as_u64().unwrap() as usize, until.as_u64().unwrap() as usize);
    text.chars().skip(from).take(until - from).collect()
}

proptest! {
    #[test]
    fn any_event_that_is_large_enough_is_a_whole_tweet_of_its_size(
        (index, at, key) in (any::<u64>(), any::<u64>(), any::<u64>()),
        (writer, lane, seq) in (any::<u32>(), any::<u32>(), any::<u64>()),
        original in proptest::option::of(any::<i64>()),
        bytes in prop_oneof![1_600_u32..1_700, 1_600_u32..9_000],
        (second, by_tag) in (any::<bool>(), any::<bool>()),
    ) {
        let bytes = if second { bytes - 350 } else { bytes };
        let place = Place { writer, lane, seq };
        let tweet = Tweet { arrival: Arrival { index, at: Time(at), key, bytes }, original };
        let mut out = vec![];
        let payloads = if by_tag { &BY_TAG } else { &PAYLOADS };
        payloads[usize::from(second)].write_tweet(&tweet, place, &mut out);
        prop_assert_eq!(out.len(), bytes as usize);
        let json: Value = serde_json::from_slice(&out).unwrap();
        let text = if second { &json["data"]["text"] } else { &json["text"] };
        prop_assert!(!text.as_str().unwrap().is_empty());
        let stamp = parse(&out).unwrap();
        prop_assert_eq!((stamp.index, stamp.key, stamp.at), (index, key, Time(at)));
        prop_assert_eq!(stamp.place, place);
        let flipped = out.len() / 2;
        out[flipped] ^= 1;
        prop_assert!(parse(&out).is_err());
    }
}

#[test]
fn a_tweet_of_version_1_1_says_who_when_what_and_in_which_language() {
    let plan = plan(PayloadForm::TweetV1);
    let (mut out, mut retweets, mut spoken) = (vec![], 0, BTreeSet::new());
    for tweet in plan.tweets() {
        PAYLOADS[0].write_tweet(&tweet, Place::default(), &mut out);
        assert_eq!(out.len(), tweet.arrival.bytes as usize);
        let json: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(json["user"]["id"].as_u64(), Some(tweet.arrival.key));
        assert!(json["created_at"].as_str().unwrap().starts_with("Wed Jan 05 00:00:0"));
        let ms = 1_641_340_800_000 + tweet.arrival.at.0 / 1_000_000;
        assert_eq!(json["timestamp_ms"].as_str().unwrap(), ms.to_string());
        let id = json["id"].as_u64().unwrap();
        assert_eq!((id >> 22) + 1_288_834_974_657, ms, "an id says when");
        assert_eq!(json["id_str"].as_str().unwrap(), id.to_string());
        let text = json["text"].as_str().unwrap();
        for tag in json["entities"]["hashtags"].as_array().unwrap() {
            let (name, at) = (tag["text"].as_str().unwrap(), &tag["indices"]);
            assert_eq!(letters(text, &at[0], &at[1]), format!("#{name}"));
        }
        spoken.insert(json["lang"].as_str().unwrap().to_owned());
        let mentions = json["entities"]["user_mentions"].as_array().unwrap();
        assert_eq!(mentions.len(), usize::from(tweet.original.is_some()));
        if let Some(mention) = mentions.first() {
            let (name, at) = (mention["screen_name"].as_str().unwrap(), &mention["indices"]);
            assert_eq!(letters(text, &at[0], &at[1]), format!("@{name}"));
            assert!(text.starts_with("RT @"), "{text}");
            assert!(text.chars().count() <= 140, "{text}");
        }
        if let Some(original) = json.get("retweeted_status") {
            retweets += 1;
            assert!(original["id"].as_u64().unwrap() < id);
            assert_eq!(original["user"]["screen_name"], mentions[0]["screen_name"]);
            assert_eq!(original["lang"], json["lang"]);
        }
    }
    assert!(retweets > 100, "{retweets} retweets hold what they retweet");
    assert_eq!(spoken.into_iter().collect::<Vec<_>>(), ["ar", "en", "ja", "pt", "th"]);
}

#[test]
fn a_tweet_of_version_2_has_its_author_and_what_it_retweets_beside_it() {
    let plan = plan(PayloadForm::TweetV2);
    let (mut out, mut retweets, mut tags) = (vec![], 0, 0);
    for tweet in plan.tweets() {
        PAYLOADS[1].write_tweet(&tweet, Place::default(), &mut out);
        let json: Value = serde_json::from_slice(&out).unwrap();
        let (data, users) = (&json["data"], json["includes"]["users"].as_array().unwrap());
        assert_eq!(data["author_id"].as_str().unwrap(), tweet.arrival.key.to_string());
        assert_eq!(users[0]["id"], data["author_id"]);
        assert_eq!(data["edit_history_tweet_ids"][0], data["id"]);
        let text = data["text"].as_str().unwrap();
        if let Some(tag) = data["entities"]["hashtags"].get(0) {
            tags += 1;
            let name = tag["tag"].as_str().unwrap();
            assert_eq!(letters(text, &tag["start"], &tag["end"]), format!("#{name}"));
        }
        assert_eq!(data.get("referenced_tweets").is_some(), tweet.original.is_some());
        if let Some(original) = json["includes"]["tweets"].get(0) {
            retweets += 1;
            assert_eq!(data["referenced_tweets"][0]["id"], original["id"]);
            let author = original["author_id"].as_str().unwrap();
            assert!(text.starts_with(&format!("RT @user_{author}: ")), "{text}");
            assert!(users.iter().any(|user| user["id"] == original["author_id"]));
        }
    }
    assert!(retweets > 100 && tags > 1_000, "{retweets} retweets, {tags} hashtags");
}

#[test]
fn a_retweet_names_the_id_that_its_original_had() {
    let mut spec = spec(PayloadForm::TweetV2);
    spec.cascades.kernel = Kernel::Exponential;
    spec.cascades.delay = Duration::from_millis(200);
    let plan = Arc::new(spec.plan(Seed(7)).unwrap());
    let payloads = Payloads::new(Arc::clone(&plan));
    let (mut out, mut ids, mut found) = (vec![], BTreeSet::new(), 0);
    for tweet in plan.tweets() {
        payloads.write_tweet(&tweet, Place::default(), &mut out);
        let json: Value = serde_json::from_slice(&out).unwrap();
        ids.insert(json["data"]["id"].as_str().unwrap().to_owned());
        if tweet.original.is_some_and(|original| original >= 0) {
            found += 1;
            let id = json["data"]["referenced_tweets"][0]["id"].as_str().unwrap();
            assert!(ids.contains(id), "{id} was never sent");
        }
    }
    assert!(found > 500, "{found} retweets of what was sent");
}

#[test]
fn sizes_are_those_of_the_schedule_with_a_least_that_is_told() {
    for (form, least) in [(PayloadForm::TweetV1, 1_600), (PayloadForm::TweetV2, 1_250)] {
        assert_eq!(form.least(), least);
        let drawn: Vec<_> = plan(form).schedule().map(|a| a.bytes).collect();
        assert_eq!(drawn.iter().min(), Some(&least));
        let mut fixed = spec(form);
        fixed.size.model = SizeModel::Fixed;
        fixed.size.mean = Bytes(1_000);
        let error = fixed.plan(Seed(1)).unwrap_err().to_string();
        let want = format!("traffic.size.mean is 1000B; expected at least {least}B");
        assert!(error.starts_with(&want), "{error}");
    }
}

#[test]
fn tweets_are_golden() {
    let first = |n: usize| {
        let (mut out, plan) = (vec![], plan(FORMS[n]));
        let tweet = plan.tweets().find(|tweet| tweet.original.is_some()).unwrap();
        PAYLOADS[n].write_tweet(&tweet, Place::default(), &mut out);
        String::from_utf8_lossy(&out[out.len() - 18..out.len() - 2]).into_owned()
    };
    // Checksums of the first retweet of each. A change here is a change of what is sent live.
    assert_eq!([first(0), first(1)], ["02f3da7f50a89c31", "d99d4a8c15c4ac33"]);
}
