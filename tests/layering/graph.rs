//! The packages that the workspace is built from, and who depends on whom.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use headwater_tests::workspace;
use serde_json::Value;

/// Packages by name; versions of one package count as one.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// What each package needs to be built and run.
    pub needs: BTreeMap<String, BTreeSet<String>>,
    /// What each package needs for its tests only.
    pub needs_for_tests: BTreeMap<String, BTreeSet<String>>,
    /// The members of the workspace.
    pub members: BTreeSet<String>,
    /// The member that each binary belongs to.
    pub binaries: BTreeMap<String, String>,
}

impl Graph {
    /// The workspace as cargo resolves it for this host.
    ///
    /// # Panics
    /// If cargo can't say.
    pub fn of_workspace() -> Self {
        let host = host();
        let metadata =
            run(env!("CARGO"), &["metadata", "--format-version=1", "--filter-platform", &host]);
        Self::from_metadata(&serde_json::from_str(&metadata).expect("cargo metadata is JSON"))
    }

    fn from_metadata(metadata: &Value) -> Self {
        let mut graph = Self::default();
        let mut names = BTreeMap::new();
        for package in list(&metadata["packages"]) {
            names.insert(text(&package["id"]), text(&package["name"]));
        }
        for id in list(&metadata["workspace_members"]) {
            graph.members.insert(names[&text(id)].clone());
        }
        for package in list(&metadata["packages"]) {
            let name = text(&package["name"]);
            for target in list(&package["targets"]) {
                if graph.members.contains(&name) && list(&target["kind"]).any(|kind| kind == "bin")
                {
                    graph.binaries.insert(text(&target["name"]), name.clone());
                }
            }
        }
        for node in list(&metadata["resolve"]["nodes"]) {
            for dependency in list(&node["deps"]) {
                let (from, to) = (&names[&text(&node["id"])], &names[&text(&dependency["pkg"])]);
                let dev = list(&dependency["dep_kinds"]).all(|kind| kind["kind"] == "dev");
                graph.add(from, to, dev);
            }
        }
        graph
    }

    /// Adds an arrow: `from` needs `to`, for its tests only where `dev`.
    pub fn add(&mut self, from: &str, to: &str, dev: bool) {
        let arrows = if dev { &mut self.needs_for_tests } else { &mut self.needs };
        arrows.entry(from.into()).or_default().insert(to.into());
    }

    /// What `package` names itself, and whether for its tests only.
    pub fn direct(&self, package: &str) -> BTreeMap<String, bool> {
        let of = |arrows: &BTreeMap<String, BTreeSet<String>>, for_tests| {
            let named = arrows.get(package).cloned().unwrap_or_default();
            named.into_iter().map(move |to| (to, for_tests)).collect::<Vec<_>>()
        };
        let mut direct: BTreeMap<_, _> = of(&self.needs_for_tests, true).into_iter().collect();
        direct.extend(of(&self.needs, false));
        direct
    }

    /// Everything that `package` is built with, and the way there.
    pub fn reachable(&self, package: &str) -> BTreeMap<String, String> {
        let mut ways = BTreeMap::new();
        let mut open: Vec<(String, String)> = vec![(package.into(), package.into())];
        while let Some((at, way)) = open.pop() {
            for next in self.needs.get(&at).into_iter().flatten() {
                if !ways.contains_key(next) {
                    let way = format!("{way} -> {next}");
                    ways.insert(next.clone(), way.clone());
                    open.push((next.clone(), way));
                }
            }
        }
        ways
    }
}

fn host() -> String {
    let version = run("rustc", &["-vV"]);
    let line = version.lines().find_map(|line| line.strip_prefix("host: "));
    line.expect("rustc names its host").to_string()
}

fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(workspace::root())
        .output()
        .unwrap_or_else(|error| panic!("{program} does not run: {error}"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?} failed: {complaint}");
    String::from_utf8(output.stdout).expect("the output is text")
}

fn list(value: &Value) -> std::slice::Iter<'_, Value> {
    value.as_array().map(Vec::as_slice).unwrap_or_default().iter()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_string()
}
