//! Artifacts from Maven, pinned, fetched once and kept in the cache.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Failure, Result};
use crate::terminal;

/// What to fetch: a name with its version, a pom, and about how much it is.
pub(crate) struct Artifacts {
    /// Name with the exact version, such as `kafka-3.9.2`.
    name: String,
    /// What it is, for people.
    describes: String,
    /// The pom whose runtime dependencies are fetched.
    pom: String,
    /// Megabytes, about.
    megabytes: u32,
}

/// An artifact in Maven's terms: group, name and version.
pub(crate) type Coordinates<'a> = [&'a str; 3];

/// A pom that depends on `artifacts` and on nothing else.
pub(crate) fn pom(artifacts: &[Coordinates<'_>]) -> String {
    let dependency = |[group, artifact, version]: &Coordinates<'_>| {
        format!(
            "<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>\
             <version>{version}</version></dependency>\n"
        )
    };
    let dependencies: String = artifacts.iter().map(dependency).collect();
    format!(
        "<project xmlns=\"http://maven.apache.org/POM/4.0.0\"><modelVersion>4.0.0</modelVersion>\n\
         <groupId>local</groupId><artifactId>live</artifactId><version>1</version>\
         <packaging>pom</packaging>\n<dependencies>\n{dependencies}</dependencies></project>\n"
    )
}

/// The file that lists what was fetched, with sizes. It is written last.
const MANIFEST: &str = "manifest";

impl Artifacts {
    /// Those of one version of `product`, such as `Kafka` `3.9.2`.
    pub(crate) fn of(product: &str, version: &str, pom: String, megabytes: u32) -> Self {
        let name = format!("{}-{version}", product.to_lowercase());
        Self { name, describes: format!("{product} {version}"), pom, megabytes }
    }

    /// The directory of jars in `cache`; they are fetched if they are not there, or not whole.
    pub(crate) fn fetch(&self, cache: &Path, or: &str) -> Result<PathBuf> {
        self.fetch_or(cache, &format!(", or name a cluster that runs with {or}"))
    }

    /// The same, with the end of what is told where there is no Maven.
    pub(crate) fn fetch_or(&self, cache: &Path, end: &str) -> Result<PathBuf> {
        let home = cache.join(&self.name);
        match damage(&home) {
            None => return Ok(home.join("jars")),
            Some(damage) if home.exists() => {
                terminal::note(format_args!(
                    "the cache in {} is damaged ({damage}): it is fetched again",
                    home.display()
                ));
                std::fs::remove_dir_all(&home).map_err(|error| {
                    Failure::io(format_args!("can't remove {}", home.display()), &error)
                })?;
            }
            Some(_) => {}
        }
        terminal::note(format_args!(
            "downloading {} from Maven Central (about {} MB, once) into {}",
            self.describes,
            self.megabytes,
            home.display()
        ));
        self.download(cache, &home, end)?;
        Ok(home.join("jars"))
    }

    fn download(&self, cache: &Path, home: &Path, end: &str) -> Result<()> {
        let partial = cache.join(format!("{}.partial-{}", self.name, std::process::id()));
        let fail = |error: std::io::Error| {
            Failure::io(format_args!("can't write {}", partial.display()), &error)
        };
        std::fs::create_dir_all(&partial).map_err(fail)?;
        std::fs::write(partial.join("pom.xml"), &self.pom).map_err(fail)?;
        let done = self.maven(&partial, end).and_then(|()| {
            let manifest = manifest(&partial.join("jars")).map_err(fail)?;
            std::fs::write(partial.join(MANIFEST), manifest).map_err(fail)?;
            match std::fs::rename(&partial, home) {
                // Another generator was faster.
                Err(_) if damage(home).is_none() => Ok(()),
                renamed => renamed.map_err(fail),
            }
        });
        if partial.exists() {
            let _ = std::fs::remove_dir_all(&partial);
        }
        done
    }

    fn maven(&self, directory: &Path, end: &str) -> Result<()> {
        let output = Command::new("mvn")
            .args(["-B", "-ntp", "-q", "dependency:copy-dependencies"])
            .args(["-DincludeScope=runtime", "-DoutputDirectory=jars"])
            .current_dir(directory)
            .stdin(Stdio::null())
            .output();
        let output = output.map_err(|_| {
            Failure::new(format!(
                "there is no `mvn` on the PATH to download {}: install Maven (Debian: apt \
                 install maven){end}",
                self.describes
            ))
        })?;
        if output.status.success() {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = text.lines().find(|line| line.contains("ERROR")).unwrap_or("no reason given");
        Err(Failure::new(format!(
            "Maven could not download {}: {}; check the network and ~/.m2/settings.xml",
            self.describes,
            error.trim_start_matches("[ERROR] ")
        )))
    }
}

/// Name and size of every jar, one per line.
fn manifest(jars: &Path) -> std::io::Result<String> {
    let mut files = Vec::new();
    for file in std::fs::read_dir(jars)? {
        let file = file?;
        files.push((file.file_name().to_string_lossy().into_owned(), file.metadata()?.len()));
    }
    files.sort();
    let mut text = String::new();
    for (name, size) in files {
        writeln!(text, "{size} {name}").expect("a string takes what is written to it");
    }
    Ok(text)
}

/// What is not as it was fetched.
fn damage(home: &Path) -> Option<String> {
    let Ok(manifest) = std::fs::read_to_string(home.join(MANIFEST)) else {
        return Some("it is not whole".into());
    };
    if manifest.is_empty() {
        return Some("it is empty".into());
    }
    manifest.lines().find_map(|line| {
        let (size, name) = line.split_once(' ')?;
        let found = std::fs::metadata(home.join("jars").join(name)).map(|file| file.len());
        match found {
            Err(_) => Some(format!("{name} is missing")),
            Ok(found) if found.to_string() != size => {
                Some(format!("{name} has {found} B in place of {size} B"))
            }
            Ok(_) => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_cut_jar_is_found() {
        let home = tempfile::tempdir().unwrap();
        let jars = home.path().join("jars");
        std::fs::create_dir(&jars).unwrap();
        assert_eq!(damage(home.path()).as_deref(), Some("it is not whole"));
        for (name, text) in [("a.jar", "12345"), ("b.jar", "1")] {
            std::fs::write(jars.join(name), text).unwrap();
        }
        std::fs::write(home.path().join(MANIFEST), manifest(&jars).unwrap()).unwrap();
        assert_eq!(damage(home.path()), None);
        std::fs::write(jars.join("a.jar"), "123").unwrap();
        assert_eq!(damage(home.path()).as_deref(), Some("a.jar has 3 B in place of 5 B"));
        std::fs::remove_file(jars.join("a.jar")).unwrap();
        assert_eq!(damage(home.path()).as_deref(), Some("a.jar is missing"));
    }
}
