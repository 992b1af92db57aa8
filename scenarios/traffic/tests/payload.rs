//! Payloads: of exactly the size asked for, read back as written, and no damage goes unseen.

use std::sync::{Arc, LazyLock};

use headwater_models::arrival::Arrival;
use headwater_sim::random::Seed;
use headwater_sim::time::{Duration, Time};
use headwater_traffic::{Damage, KeyMode, Lanes, Payloads, Place, Preset, TrafficSpec, parse};
use proptest::prelude::*;

static BY_USER: LazyLock<Payloads> = LazyLock::new(|| payloads(KeyMode::User));
static BY_HASHTAG: LazyLock<Payloads> = LazyLock::new(|| payloads(KeyMode::Hashtag));

fn payloads(key: KeyMode) -> Payloads {
    let shots = vec![Preset::Castle.shot(Duration::from_secs(1))];
    let spec = TrafficSpec { key, shots, ..TrafficSpec::default() };
    Payloads::new(Arc::new(spec.plan(Seed(7)).unwrap()))
}

fn place() -> impl Strategy<Value = Place> {
    (any::<u32>(), any::<u32>(), any::<u64>()).prop_map(|(writer, lane, seq)| Place {
        writer,
        lane,
        seq,
    })
}

fn arrival() -> impl Strategy<Value = Arrival> {
    let bytes = prop_oneof![0_u32..1_000, 1_000_u32..20_000];
    (any::<u64>(), 0..u64::MAX / 4, any::<u64>(), bytes)
        .prop_map(|(index, at, key, bytes)| Arrival { index, at: Time(at), key, bytes })
}

proptest! {
    #[test]
    fn a_payload_has_the_scheduled_size_and_reads_back(arrival in arrival(), place in place()) {
        let mut out = b"left over".to_vec();
        BY_HASHTAG.write(&arrival, place, &mut out);
        prop_assert_eq!(out.len(), arrival.bytes as usize);
        match parse(&out) {
            Ok(stamp) => {
                prop_assert_eq!((stamp.index, stamp.key), (arrival.index, arrival.key));
                prop_assert_eq!((stamp.at, stamp.place), (arrival.at, place));
            }
            Err(damage) => prop_assert!(arrival.bytes < 49, "{} B: {damage}", arrival.bytes),
        }
        if out.len() >= 200 {
            let json: serde_json::Value = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(json["index"].as_u64(), Some(arrival.index));
        }
    }

    #[test]
    fn a_flipped_bit_a_cut_and_a_splice_are_seen(
        arrival in arrival().prop_filter("has a stamp", |a| a.bytes >= 49),
        at in any::<proptest::sample::Index>(),
        bit in 0_u32..8,
    ) {
        let mut whole = vec![];
        BY_USER.write(&arrival, Place::default(), &mut whole);
        let at = at.index(whole.len());
        let mut flipped = whole.clone();
        flipped[at] ^= 1_u8 << bit;
        prop_assert!(parse(&flipped).is_err(), "bit {bit} of byte {at}");
        prop_assert!(parse(&whole[..at]).is_err(), "cut at {at}");
        let mut doubled = whole.clone();
        doubled.extend_from_slice(&whole);
        prop_assert!(parse(&doubled).is_err());
    }
}

#[test]
fn a_tweet_says_who_when_what_and_how_long() {
    let shots = vec![Preset::Castle.shot(Duration::from_secs(1))];
    let spec = TrafficSpec { shots, duration: Duration::from_secs(3), ..TrafficSpec::default() };
    let plan = Arc::new(spec.plan(Seed(7)).unwrap());
    let payloads = Payloads::new(Arc::clone(&plan));
    let (mut out, mut tagged, mut events) = (vec![], 0, 0);
    for arrival in plan.schedule() {
        payloads.write(&arrival, Place::default(), &mut out);
        let tweet: serde_json::Value = serde_json::from_slice(&out).unwrap();
        if out.len() >= 640 {
            assert_eq!(tweet["user"]["id"].as_u64(), Some(arrival.key));
            let text = tweet["text"].as_str().unwrap();
            assert_eq!(text.len(), plan.sizes.text(arrival.at) as usize);
            let stated = tweet["created_at"].as_str().unwrap();
            let millis = arrival.at.0 / 1_000_000;
            let (secs, millis) = (millis / 1_000, millis % 1_000);
            assert_eq!(stated, format!("2022-01-05T00:00:{secs:02}.{millis:03}Z"));
            tagged += tweet["entities"]["hashtags"].as_array().unwrap().len();
            events += 1;
        }
    }
    // Base 1,600/s x 3 s at 10.1 %, and the shot's: 24 x 1,600 x (0.25 + 1 + 1.5 (1 - e^-1/3)).
    let shot = 24.0 * 1_600.0 * (0.25 + 1.0 + 1.5 * (1.0 - (-1.0_f64 / 3.0).exp()));
    let share = (0.101 * 4_800.0 + shot) / (4_800.0 + shot);
    let got = tagged as f64 / f64::from(events);
    assert!((got - share).abs() < 0.01, "{got} have a hashtag where {share} was expected");
}

#[test]
fn damage_is_named() {
    let mut out = vec![];
    let arrival = Arrival { index: 5, at: Time(9), key: 3, bytes: 700 };
    BY_USER.write(&arrival, Place::default(), &mut out);
    assert_eq!(parse(&out[..10]), Err(Damage::NoStamp { bytes: 10 }));
    let cut = parse(&out[..400]).unwrap_err();
    assert!(cut.to_string().contains("expected the checksum field at byte"), "{cut}");
    out[300] ^= 1;
    let flipped = parse(&out).unwrap_err().to_string();
    assert!(flipped.starts_with("checksum ") && flipped.ends_with("over its bytes"), "{flipped}");
}

#[test]
fn a_writers_places_have_no_gap_and_keep_a_key_on_a_lane() {
    let mut lanes = Lanes::new(3, 8);
    let mut next = [0; 8];
    for event in 0..10_000_u64 {
        let place = lanes.by_key(event % 100);
        assert_eq!((place.writer, place.seq), (3, next[place.lane as usize]));
        next[place.lane as usize] += 1;
        assert_eq!(place.lane, Lanes::new(0, 8).by_key(event % 100).lane);
    }
    assert!(next.iter().all(|count| *count > 0), "{next:?}");
}
