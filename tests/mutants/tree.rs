//! A copy of the workspace in which changes are planted, and its one build.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, BufRead as _, BufReader, Error};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::plant::{Mutant, SWITCH, plant};
use crate::suites::{Program, Suite};

/// Folders that are not copied.
const LEFT_OUT: [&str; 3] = ["target", "out", ".git"];

/// The copy.
pub struct Tree {
    from: PathBuf,
    root: PathBuf,
    target: PathBuf,
}

impl Tree {
    /// A copy of the workspace of `from` below `folder`; it is made by [`Self::build`].
    pub fn of(from: &Path, folder: &Path) -> Self {
        let (root, target) = (folder.join("tree"), folder.join("target"));
        Self { from: from.to_path_buf(), root, target }
    }

    /// Plants changes, builds what the suites need, and takes out what can't be compiled until
    /// all else is. The programs of each suite, in its order.
    ///
    /// # Errors
    /// If a file can't be read or written, or the build fails elsewhere than at a change.
    pub fn build(
        &self,
        mutants: &mut Vec<Mutant>,
        suites: &[Suite],
    ) -> io::Result<Vec<Vec<Program>>> {
        loop {
            let places = self.planted(mutants)?;
            let mut programs = vec![];
            let mut bad = BTreeSet::new();
            for suite in suites {
                match self.cargo(&suite.cargo(), &places)? {
                    Ok(built) => programs.push(suite.programs(built)),
                    Err(numbers) => bad.extend(numbers),
                }
                if !bad.is_empty() {
                    break;
                }
            }
            if bad.is_empty() {
                return Ok(programs);
            }
            eprintln!("{} can't be compiled: taken out", bad.len());
            mutants.retain(|of| !bad.contains(&of.number));
        }
    }

    /// Copies the workspace, with the changes planted and the switch for them. What is there
    /// already and the same stays as it is, so that it is not built again. What lies where.
    fn planted(&self, mutants: &[Mutant]) -> io::Result<Places> {
        let mut by_file: BTreeMap<&str, Vec<&Mutant>> = BTreeMap::new();
        mutants.iter().for_each(|of| by_file.entry(&of.path).or_default().push(of));
        let (mut places, mut others) = (Places::new(), Others::new());
        for (path, of_file) in by_file {
            let text = fs::read_to_string(self.from.join(path))?;
            let (planted, at) = plant(&text, &of_file);
            others.insert(self.from.join(path), planted);
            places.insert(path.to_owned(), at);
        }
        let lib = self.from.join("sim/src/lib.rs");
        let text = fs::read_to_string(&lib)?;
        others.insert(lib, format!("{text}\npub mod mutants;\n"));
        copy(&self.from, &self.root, &others)?;
        write(&self.root.join("sim/src/mutants.rs"), SWITCH.as_bytes())?;
        Ok(places)
    }

    /// Runs cargo: what it has built, or the changes that it can't compile.
    fn cargo(
        &self,
        arguments: &[&str],
        places: &Places,
    ) -> io::Result<Result<Vec<Program>, BTreeSet<u32>>> {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        command.args(arguments).arg("--message-format=json").current_dir(&self.root);
        // As fast as in a release, and every assertion and overflow is looked at.
        command.env("CARGO_PROFILE_DEV_OPT_LEVEL", "2").env("CARGO_INCREMENTAL", "0");
        command.env("CARGO_TARGET_DIR", &self.target);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (mut built, mut bad, mut elsewhere) = (vec![], BTreeSet::new(), vec![]);
        for line in output.lines() {
            let Ok(message) = serde_json::from_str::<Value>(&line?) else { continue };
            built.extend(Program::of(&message));
            let level = &message["message"]["level"];
            if level == "error" {
                let numbers = changes_of(&message["message"], places);
                if numbers.is_empty() && message["message"]["code"].is_object() {
                    elsewhere.push(message["message"]["rendered"].to_string());
                }
                bad.extend(numbers);
            }
        }
        if child.wait()?.success() {
            return Ok(Ok(built));
        }
        if bad.is_empty() {
            let what = elsewhere.first().map_or("cargo says no more", |text| text);
            return Err(Error::other(format!("the copy can't be built: {what}")));
        }
        Ok(Err(bad))
    }
}

/// Which bytes of a file its changes have.
type Places = BTreeMap<String, Vec<(u32, Range<usize>)>>;

/// The changes that an error of the compiler lies in.
fn changes_of(message: &Value, places: &Places) -> BTreeSet<u32> {
    let mut numbers = BTreeSet::new();
    for span in message["spans"].as_array().into_iter().flatten() {
        let (Some(file), Some(start), Some(end)) =
            (span["file_name"].as_str(), span["byte_start"].as_u64(), span["byte_end"].as_u64())
        else {
            continue;
        };
        let at = start as usize..end as usize;
        let of_file = places.get(file).into_iter().flatten();
        numbers.extend(
            of_file.filter(|(_, of)| of.start < at.end && at.start < of.end).map(|of| of.0),
        );
    }
    numbers
}

/// Files that say something else in the copy, by their paths in the workspace.
type Others = BTreeMap<PathBuf, String>;

/// Copies a folder; what is the same already is not written.
fn copy(from: &Path, to: &Path, others: &Others) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if !path.is_dir() {
            match others.get(&path) {
                Some(text) => write(&to, text.as_bytes())?,
                None => write(&to, &fs::read(&path)?)?,
            }
        } else if !LEFT_OUT.iter().any(|name| entry.file_name() == *name) {
            copy(&path, &to, others)?;
        }
    }
    Ok(())
}

/// Writes a file unless it says that already.
fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    match fs::read(path) {
        Ok(old) if old == text => Ok(()),
        _ => fs::write(path, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plant::choose;
    use crate::sites;

    #[test]
    fn what_is_planted_again_is_not_written_again() {
        let folder = tempfile::tempdir().expect("there is room");
        let (from, text) = (folder.path().join("from"), "fn f(a: u32) -> bool { a < 2 }\n");
        for (path, text) in [("sim/src/lib.rs", ""), ("models/src/lib.rs", text)] {
            let path = from.join(path);
            fs::create_dir_all(path.parent().expect("it has one")).expect("there is room");
            fs::write(path, text).expect("there is room");
        }
        let sites = sites::of(text).expect("it is Rust");
        let files = [("models/src/lib.rs".to_owned(), text.to_owned(), sites)];
        let mutants = choose(&files, 1, &mut |_| 0);
        let tree = Tree::of(&from, folder.path());
        let written = || {
            tree.planted(&mutants).expect("it can be written");
            ["sim/src/lib.rs", "sim/src/mutants.rs", "models/src/lib.rs"].map(|path| {
                let path = tree.root.join(path);
                let text = fs::read_to_string(&path).expect("it is there");
                assert!(text.contains("mutants") || text.contains("fn is"), "{text}");
                fs::metadata(path).and_then(|of| of.modified()).expect("it has a time")
            })
        };
        assert_eq!(written(), written());
        // And what is no longer planted is as it was.
        tree.planted(&[]).expect("it can be written");
        let clean = fs::read_to_string(tree.root.join("models/src/lib.rs"));
        assert_eq!(clean.expect("it is there"), text);
    }
}
