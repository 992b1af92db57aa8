use std::fs;

use tempfile::TempDir;

use super::*;

fn message(offset: i64) -> Message {
    let value = format!("{{\"id\":{offset}}}").into_bytes();
    Message { partition: 0, offset, at: None, value }
}

fn append(archive: &mut Archive, offsets: std::ops::Range<i64>) {
    let messages: Vec<_> = offsets.map(message).collect();
    let lines: Vec<u8> = messages.iter().flat_map(|of| [&of.value[..], b"\n"].concat()).collect();
    archive.append(&lines, &messages).expect("it is written");
}

fn commit(archive: &mut Archive) {
    archive.make_durable().expect("it is on disk");
    archive.write_position().expect("it is written");
}

fn open(folder: &TempDir) -> (Archive, Option<String>) {
    Archive::open(&folder.path().join("b"), "tweets", Sync::Commit).expect("a backup")
}

fn refused(folder: &TempDir, topic: &str) -> String {
    let opened = Archive::open(&folder.path().join("b"), topic, Sync::Commit);
    opened.expect_err("it is refused").to_string()
}

/// Goes on as a process does that was started again: from the next offset to `until`.
fn go_on(folder: &TempDir, until: i64) {
    let (mut archive, _) = open(folder);
    let next = archive.next().get(&0).copied().unwrap_or(0);
    append(&mut archive, next..until);
    commit(&mut archive);
}

fn ids(folder: &TempDir) -> Vec<i64> {
    let text = fs::read_to_string(folder.path().join("b")).expect("it is there");
    let id = |line: &str| {
        let tweet: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
        tweet["id"].as_i64().expect("it has an id")
    };
    text.lines().map(id).collect()
}

#[test]
fn wherever_the_write_was_torn_each_tweet_is_a_line_once_after_the_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut archive, told) = open(&folder);
    assert_eq!(told, None);
    append(&mut archive, 0..20);
    commit(&mut archive);
    let committed = archive.position().bytes;
    append(&mut archive, 20..30);
    drop(archive);
    let path = folder.path().join("b");
    let whole = fs::read(&path).expect("it is there");
    let position = fs::read(position::beside(&path)).expect("it is there");
    for torn in committed as usize..=whole.len() {
        fs::write(&path, &whole[..torn]).expect("torn");
        fs::write(position::beside(&path), &position).expect("as it was");
        let (archive, told) = open(&folder);
        assert_eq!((archive.position().bytes, archive.next()[&0]), (committed, 20));
        assert_eq!(told.is_some(), torn > committed as usize, "{told:?}");
        drop(archive);
        go_on(&folder, 35);
        assert_eq!(ids(&folder), (0..35).collect::<Vec<_>>(), "torn at {torn}");
    }
}

#[test]
fn what_was_killed_before_its_first_position_begins_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut archive, _) = open(&folder);
    append(&mut archive, 0..5);
    drop(archive);
    go_on(&folder, 8);
    assert_eq!(ids(&folder), (0..8).collect::<Vec<_>>());
}

#[test]
fn a_position_that_was_half_written_is_not_looked_at() {
    let folder = tempfile::tempdir().expect("a folder");
    go_on(&folder, 5);
    fs::write(folder.path().join("b.position.new"), "{\"topic\":\"twe").expect("torn");
    go_on(&folder, 9);
    assert_eq!(ids(&folder), (0..9).collect::<Vec<_>>());
}

#[test]
fn a_write_that_was_refused_can_be_made_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut archive, _) = open(&folder);
    append(&mut archive, 0..3);
    let path = folder.path().join("b");
    // For reading alone: every write to it fails.
    let writable = std::mem::replace(&mut archive.file, File::open(&path).expect("it is there"));
    let lines = b"{\"id\":3}\n";
    archive.append(lines, &[message(3)]).expect_err("it is refused");
    assert_eq!((archive.position().lines, archive.next()[&0]), (3, 3));
    archive.file = writable;
    // Half of it had been written.
    archive.file.write_all_at(&lines[..4], archive.position().bytes).expect("written");
    archive.append(lines, &[message(3)]).expect("it is written");
    commit(&mut archive);
    assert_eq!(ids(&folder), [0, 1, 2, 3]);
}

#[test]
fn a_file_that_can_not_be_gone_on_with_is_refused_with_a_word() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("b");
    fs::write(&path, "{}\n").expect("written");
    assert!(refused(&folder, "tweets").contains("no position beside it"));
    fs::write(&path, "").expect("written");
    go_on(&folder, 5);
    assert!(refused(&folder, "other").contains("a backup of topic tweets, not of other"));
    let (archive, _) = open(&folder);
    assert!(refused(&folder, "tweets").contains("another process"));
    drop(archive);
    let whole = fs::read(&path).expect("it is there");
    fs::write(&path, &whole[..whole.len() - 1]).expect("shorter");
    assert!(refused(&folder, "tweets").contains("lines are gone"));
    let mut changed = whole.clone();
    *changed.last_mut().expect("a line's end") = b'!';
    fs::write(&path, &changed).expect("changed");
    assert!(refused(&folder, "tweets").contains("no end of a line"));
    fs::write(position::beside(&path), "{").expect("written");
    assert!(refused(&folder, "tweets").contains("it is no position"));
}
