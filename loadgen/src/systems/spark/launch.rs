//! Spark from Maven: one JVM, which is told what to do by files in a folder, and tells what it did
//! in one (`Job.java` says how).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use headwater_models::pipeline::spark::config::Cluster;

use super::progress::{self, Account};
use super::{DRIVER, VERSION, options};
use crate::failure::{Failure, Result};
use crate::launch::artifacts::Artifacts;
use crate::launch::guard::{Launch, Sign};
use crate::launch::guarded::{Guarded, held, wait_ended};
use crate::launch::{LaunchedCluster, Places, java_command, java_or, said_last, write};
use crate::systems::engine::{Engine, Progress, Query};
use crate::terminal;

/// What runs.
const JOB: &str = include_str!("Job.java");

/// What is fetched.
const POM: &str = include_str!("pom.xml");

/// How it logs: what goes wrong.
const LOG4J2: &str = include_str!("log4j2.properties");

/// Megabytes that are fetched.
const MEGABYTES: u32 = 150;

/// What is told where there is no Java that runs it.
const OR: &str = ", or simulate it with `headwater run`";

/// How long it may take until a query is ready: some 15 s on two cores that are free.
const READY: Duration = Duration::from_secs(120);

/// How long it may take to end: the guard then ends it.
const ENDS: Duration = Duration::from_secs(15);

/// How often it is looked.
const LOOK: Duration = Duration::from_millis(50);

/// The packages of the JDK that Spark reaches into (`JavaModuleOptions.java` @ apache/spark
/// v3.5.1).
const OPENED: [&str; 14] = [
    "java.lang",
    "java.lang.invoke",
    "java.lang.reflect",
    "java.io",
    "java.net",
    "java.nio",
    "java.util",
    "java.util.concurrent",
    "java.util.concurrent.atomic",
    "jdk.internal.ref",
    "sun.nio.ch",
    "sun.nio.cs",
    "sun.security.action",
    "sun.util.calendar",
];

/// Looks for Java, and fetches the jars: the folder of them.
pub(super) fn prepare(places: &Places) -> Result<PathBuf> {
    java_or(OR)?;
    let pom = POM.replace("@VERSION@", VERSION);
    Artifacts::of("Spark", VERSION, pom, MEGABYTES).fetch_or(&places.cache, OR)
}

/// Starts it beside `cluster`.
pub(super) fn launch(
    config: &Cluster,
    cluster: &LaunchedCluster,
    places: &Places,
) -> Result<Running> {
    let jars = prepare(places)?;
    let home = cluster.data.join(DRIVER);
    let classes = home.join("classes");
    std::fs::create_dir_all(&classes)
        .map_err(|error| Failure::io(format_args!("can't make {}", classes.display()), &error))?;
    write(&home.join("Job.java"), JOB)?;
    write(&classes.join("log4j2.properties"), LOG4J2)?;
    write(&home.join("job.properties"), &properties(&session(config, &home)))?;
    terminal::note(format_args!(
        "launching spark {VERSION}, local[{}]; data in {}",
        config.cores,
        home.display()
    ));
    let guarded = Arc::clone(&cluster.guarded);
    let log = cluster.data.join(format!("{DRIVER}.log"));
    let running = Running { config: config.clone(), home, guarded, log, query: 0 };
    running.compile(&jars, &classes)?;
    let mut command = java_command();
    command.extend(OPENED.map(|package| format!("--add-opens=java.base/{package}=ALL-UNNAMED")));
    let class_path = format!("{}:{}/*", classes.display(), jars.display());
    // As much as the paper's whole laptop could spare; a select keeps next to nothing.
    command.extend(["-Xmx1g", "-XX:+UseG1GC", "-cp"].map(str::to_owned));
    command.extend([class_path, "Job".to_owned(), running.home.display().to_string()]);
    cluster.launch_beside(running.process(DRIVER, command))?;
    Ok(running)
}

/// What its session is made with. It listens on the loopback address alone, and shows no page.
fn session(config: &Cluster, home: &Path) -> BTreeMap<String, String> {
    let fixed = [
        ("spark.app.name", "headwater".to_owned()),
        ("spark.ui.enabled", "false".into()),
        ("spark.driver.host", "127.0.0.1".into()),
        ("spark.driver.bindAddress", "127.0.0.1".into()),
        ("spark.local.dir", home.join("local").display().to_string()),
        ("spark.sql.session.timeZone", "UTC".into()),
        // Of batches that nothing is in it tells nothing.
        ("spark.sql.streaming.noDataMicroBatches.enabled", "false".into()),
    ];
    let all = fixed.into_iter().chain(options::of_session(config));
    all.map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The jars of a folder as a class path.
fn listed(jars: &Path) -> Result<String> {
    let fail =
        |error: std::io::Error| Failure::io(format_args!("can't read {}", jars.display()), &error);
    let mut all = vec![];
    for file in std::fs::read_dir(jars).map_err(fail)? {
        all.push(file.map_err(fail)?.path().display().to_string());
    }
    all.sort();
    Ok(all.join(":"))
}

/// A file of `java.util.Properties`.
fn properties(all: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (name, value) in all {
        let value = value.replace('\\', "\\\\");
        writeln!(text, "{name}={value}").expect("a string takes what is written to it");
    }
    text
}

/// A driver that was started.
pub(super) struct Running {
    config: Cluster,
    home: PathBuf,
    guarded: Arc<Mutex<Guarded>>,
    log: PathBuf,
    /// The number of its query, from 1.
    query: u32,
}

impl Running {
    fn process(&self, name: &str, command: Vec<String>) -> Launch {
        let (name, directory, log) = (name.to_owned(), self.home.clone(), self.log.clone());
        Launch { name, command, directory, log, user: None }
    }

    /// Compiles the job against the jars, by the compiler in the JDK's modules.
    fn compile(&self, jars: &Path, classes: &Path) -> Result<()> {
        // Not `jars/*`: the launcher `javac` would know what that means, and need not be there.
        let mut command: Vec<String> =
            ["java", "-m", "jdk.compiler/com.sun.tools.javac.Main"].map(str::to_owned).into();
        let class_path = listed(jars)?;
        command.extend(["-nowarn".to_owned(), "-d".into(), classes.display().to_string()]);
        command.extend(["-cp".to_owned(), class_path, "Job.java".into()]);
        if held(&self.guarded)?.run(self.process("compiler", command))? == 0 {
            return Ok(());
        }
        let said = said_last(&self.log);
        Err(Failure::new(match said.contains("jdk.compiler") {
            true => format!(
                "the `java` on the PATH has no compiler, which the engine's job needs: install a \
                 JDK, 17 or later (Debian: apt install openjdk-17-jdk-headless){OR}; it said {said}"
            ),
            false => format!("could not compile the engine's job; the compiler said: {said}"),
        }))
    }

    fn file(&self, ending: &str) -> PathBuf {
        self.home.join(format!("{}.{ending}", self.query))
    }

    fn told(&self) -> Result<Account> {
        let path = self.account();
        match std::fs::read_to_string(&path) {
            Ok(text) => progress::read(&text, self.query),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Account::default()),
            Err(error) => Err(Failure::io(format_args!("can't read {}", path.display()), &error)),
        }
    }
}

impl Engine for Running {
    fn begin(&mut self, query: &Query) -> Result<()> {
        self.query += 1;
        let mut told = options::of_query(&self.config, query);
        let checkpoint = self.home.join(format!("checkpoint-{}", self.query));
        told.insert("sink.checkpointLocation".into(), checkpoint.display().to_string());
        // It is whole before it has the name that the job looks for.
        let (partial, file) = (self.file("partial"), self.file("properties"));
        write(&partial, &properties(&told))?;
        std::fs::rename(&partial, &file)
            .map_err(|error| Failure::io(format_args!("can't write {}", file.display()), &error))?;
        let since = Instant::now();
        while !self.told()?.ready {
            self.alive()?;
            if since.elapsed() > READY {
                return Err(Failure::new(format!(
                    "{DRIVER} was not ready for a query within {} s; it said last: {}",
                    READY.as_secs(),
                    said_last(&self.log)
                )));
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    fn epoch(&self, unix_us: u64) -> Result<()> {
        write(&self.file("epoch"), &unix_us.to_string())
    }

    fn progress(&self) -> Result<Progress> {
        Ok(self.told()?.progress)
    }

    fn alive(&self) -> Result<()> {
        match held(&self.guarded)?.alive(DRIVER)? {
            true => Ok(()),
            false => {
                Err(Failure::new(format!("{DRIVER} has ended; it said {}", said_last(&self.log))))
            }
        }
    }

    fn end(&mut self) -> Result<()> {
        // One that has ended by itself needs no signal.
        let _ = held(&self.guarded)?.signal(DRIVER, Sign::Terminate);
        if !wait_ended(&self.guarded, DRIVER, ENDS)? {
            let _ = held(&self.guarded)?.signal(DRIVER, Sign::Kill);
        }
        Ok(())
    }

    fn account(&self) -> PathBuf {
        self.home.join("progress.jsonl")
    }
}
