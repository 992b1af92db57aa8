//! A swarm and a sweep as array jobs of a real Slurm on this machine, where Slurm is installed:
//! what their parts add up to is the result of one job. Everything is started here, listens on the
//! loopback interface alone and ends with the test.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

const HEADWATER: &str = env!("CARGO_BIN_EXE_headwater");
const SEEDS: &str = "10";
/// A sweep of four short runs.
const SWEEP: &[&str] = &[
    "live/stress-1600-kafka",
    "--set",
    "traffic.duration=3s",
    "--vary",
    "system.partitions=1,4",
    "--seeds",
    "2",
];
/// How long the daemons may take until the node is idle, in tries of a quarter of a second.
const TRIES: u32 = 120;

/// Ends with the test, however it ends.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn daemon(program: &Path, arguments: &[&str], folder: &Path) -> Daemon {
    let name = program.file_name().expect("a program").to_string_lossy().into_owned();
    let log = std::fs::File::create(folder.join(format!("{name}.out"))).expect("a log");
    let child = Command::new(program)
        .args(arguments)
        .env("SLURM_CONF", folder.join("slurm.conf"))
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log)
        .spawn();
    Daemon(child.unwrap_or_else(|error| panic!("{name}: {error}")))
}

/// Where a program is, on the path or where daemons are kept.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let kept = [PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")];
    let found = std::env::split_paths(&path).chain(kept).map(|folder| folder.join(program));
    found.into_iter().find(|file| file.is_file())
}

fn output(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// The name of this machine as Slurm has it.
fn host() -> String {
    let name = output(Command::new("hostname").arg("-s")).stdout;
    String::from_utf8_lossy(&name).trim().to_owned()
}

fn configuration(folder: &Path) -> String {
    let free = || TcpListener::bind("127.0.0.1:0").expect("a port");
    let (one, two) = (free(), free());
    let port = |of: &TcpListener| of.local_addr().expect("an address").port();
    let (host, at) = (host(), folder.display());
    format!(
        "ClusterName=headwater\nSlurmctldHost={host}(127.0.0.1)\nAuthType=auth/munge\n\
         CryptoType=crypto/munge\nAuthInfo=socket={at}/munge.sock\nSlurmUser=root\n\
         SlurmdUser=root\nStateSaveLocation={at}/state\nSlurmdSpoolDir={at}/spool\n\
         SlurmctldPidFile={at}/slurmctld.pid\nSlurmdPidFile={at}/slurmd.pid\n\
         SlurmctldLogFile={at}/slurmctld.log\nSlurmdLogFile={at}/slurmd.log\n\
         SlurmctldPort={}\nSlurmdPort={}\n\
         CommunicationParameters=NoCtldInAddrAny,NoInAddrAny\nProctrackType=proctrack/pgid\n\
         TaskPlugin=task/none\nSelectType=select/cons_tres\nSelectTypeParameters=CR_Core\n\
         JobAcctGatherType=jobacct_gather/none\nReturnToService=2\n\
         NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN\n\
         PartitionName=all Nodes=ALL Default=YES State=UP\n",
        port(&one),
        port(&two)
    )
}

/// Authentication, controller and node, or why there are none.
fn cluster(folder: &Path) -> Result<[Daemon; 3], String> {
    let missing = |name: &str| format!("no {name} here");
    let program = |name: &str| find(name).ok_or_else(|| missing(name));
    let programs = [program("munged")?, program("slurmctld")?, program("slurmd")?];
    if output(Command::new("id").arg("-u")).stdout != b"0\n" {
        return Err("not root, whom a Slurm without a user of its own needs".into());
    }
    for name in ["state", "spool"] {
        std::fs::create_dir(folder.join(name)).expect("a folder");
    }
    std::fs::write(folder.join("slurm.conf"), configuration(folder)).expect("a file");
    let key = folder.join("munge.key");
    std::fs::write(&key, [7; 1024]).expect("a key, for a cluster that nobody else reaches");
    output(Command::new("chmod").arg("400").arg(&key));
    let of = |option: &str, file: &str| format!("--{option}={}", folder.join(file).display());
    let munge = ["--force", "--foreground"].map(str::to_owned).into_iter().chain([
        of("key-file", "munge.key"),
        of("socket", "munge.sock"),
        of("pid-file", "munged.pid"),
        of("log-file", "munged.log"),
        of("seed-file", "munged.seed"),
    ]);
    let munge: Vec<String> = munge.collect();
    let munge: Vec<&str> = munge.iter().map(String::as_str).collect();
    let munged = daemon(&programs[0], &munge, folder);
    let mut tries = (0..TRIES).map(|_| sleep(Duration::from_millis(250)));
    while !folder.join("munge.sock").exists() {
        tries.next().ok_or("munged does not start")?;
    }
    let daemons =
        [munged, daemon(&programs[1], &["-D"], folder), daemon(&programs[2], &["-D"], folder)];
    let idle = || {
        let state = output(slurm("sinfo", folder).args(["-h", "-o", "%T"]));
        String::from_utf8_lossy(&state.stdout).contains("idle")
    };
    while !idle() {
        tries.next().ok_or("Slurm's node does not become idle")?;
    }
    Ok(daemons)
}

fn slurm(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("SLURM_CONF", folder.join("slurm.conf")).current_dir(folder);
    command
}

fn headwater(folder: &Path, arguments: &[&str]) {
    let out = output(Command::new(HEADWATER).args(arguments).current_dir(folder));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

#[test]
fn a_slurm_array_adds_up_to_the_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let _daemons = match cluster(folder) {
        Ok(daemons) => daemons,
        Err(why) => return println!("left out: {why}"),
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cluster/swarm.sbatch");
    let mut sbatch = slurm("sbatch", folder);
    sbatch.env("HEADWATER", HEADWATER).args(["--wait", "--array=0-2"]).arg(script);
    let job = output(sbatch.args(["swarm/kafka", SEEDS]));
    assert!(job.status.success(), "{}", String::from_utf8_lossy(&job.stderr));
    let parts = ["swarm-0/kafka.json", "swarm-1/kafka.json", "swarm-2/kafka.json"];
    headwater(folder, &[&["merge"], &parts[..], &["--out", "merged.json"]].concat());
    headwater(folder, &["swarm", "swarm/kafka", "--seeds", SEEDS, "--out", "whole"]);
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).expect(file);
    assert_eq!(read("merged.json"), read("whole/kafka.json"));
    assert_ne!(read("merged.json"), read(parts[0]));

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cluster/sweep.sbatch");
    let mut sbatch = slurm("sbatch", folder);
    sbatch.env("HEADWATER", HEADWATER).args(["--wait", "--array=0-2"]).arg(script);
    let job = output(sbatch.args(SWEEP));
    assert!(job.status.success(), "{}", String::from_utf8_lossy(&job.stderr));
    let parts = ["sweep-0/sweep.json", "sweep-1/sweep.json", "sweep-2/sweep.json"];
    headwater(folder, &[&["merge"], &parts[..], &["--out", "merged-sweep.json"]].concat());
    headwater(folder, &[&["sweep"], SWEEP, &["--out", "whole"]].concat());
    assert_eq!(read("merged-sweep.json"), read("whole/sweep.json"));
    assert_ne!(read("merged-sweep.json"), read(parts[0]));
}
