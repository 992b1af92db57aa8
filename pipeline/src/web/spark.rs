//! What Spark tells of itself: the last line of a file that its driver writes.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use serde_json::Value;

/// Bytes of the file's end that are looked at: a progress of Spark has some thousand.
const TAIL: u64 = 256 << 10;

/// The last line of `path` that is whole and JSON, or all of it where it is one value.
///
/// # Errors
/// Why there is none.
pub fn last(path: &Path) -> Result<Value, String> {
    let told = |why: String| format!("{}: {why}", path.display());
    let text = tail(path).map_err(|error| told(error.to_string()))?;
    if let Ok(value) = serde_json::from_str(text.trim()) {
        return Ok(value);
    }
    let value = text.lines().rev().find_map(|line| serde_json::from_str(line).ok());
    value.ok_or_else(|| told("no line of JSON yet".into()))
}

fn tail(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = vec![];
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_whole_line_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("progress.jsonl");
        assert!(last(&path).expect_err("not there").contains("progress.jsonl"));
        let write = |text: &str| std::fs::write(&path, text).expect("written");
        write("");
        assert!(last(&path).expect_err("empty").contains("no line of JSON yet"));
        write("{\"batchId\":1}\n{\"batchId\":2}\n{\"batchI");
        assert_eq!(last(&path), Ok(json!({ "batchId": 2 })));
        write("{\n  \"batchId\": 3\n}\n");
        assert_eq!(last(&path), Ok(json!({ "batchId": 3 })));
        let long = format!("{}\n{{\"batchId\":4}}\n", "x".repeat(TAIL as usize));
        write(&long);
        assert_eq!(last(&path), Ok(json!({ "batchId": 4 })));
    }
}
