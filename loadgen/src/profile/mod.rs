//! `loadgen profile`: measures the machine it runs on, and writes a machine profile for the
//! simulator.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use headwater_reports::outcome::Speed;
use headwater_scenarios::profile::{Machine, Profile};
use headwater_sim::distribution::Distribution;
use headwater_sim::network::NetworkSpec;
use headwater_sim::scheduling::{Policy, SchedulerSpec};
use headwater_sim::units::{Bytes, BytesPerSecond};

use crate::arguments;
use crate::failure::{Failure, Result};
use crate::launch;
use crate::placement::{Cores, Placement, allowed};
use crate::speed;
use crate::terminal;
use crate::utilisation::{cores, stolen_seconds};

mod caches;
mod cpu;
mod disk;
pub(crate) mod interruptions;
pub(crate) mod kernel;
mod loopback;
mod quantiles;
mod scheduler;

/// Measures, and writes or prints the profile.
pub(crate) fn run(arguments: &arguments::Profile) -> Result<ExitCode> {
    let time = Duration::from_nanos(arguments.time.0);
    if let Some(path) = &arguments.out {
        try_out(path)?;
    }
    let (head, profile) = measure(&arguments.data, &arguments.name, time)?;
    let text = head + &profile.to_toml();
    // What is written must read back.
    Profile::parse(&text, "the measured profile")?;
    write(arguments.out.as_deref(), &text)?;
    Ok(ExitCode::SUCCESS)
}

fn cant_write(path: &Path, error: &std::io::Error) -> Failure {
    Failure::io(format_args!("can't write {}", path.display()), error)
}

/// Tries whether a file can be written, before minutes are spent; what stands there stays until
/// there is something better.
pub(crate) fn try_out(path: &Path) -> Result<()> {
    let tried = std::fs::File::options().append(true).create(true).open(path);
    tried.map(|_| ()).map_err(|error| cant_write(path, &error))
}

/// Writes the text of a profile to a file, or prints it.
pub(crate) fn write(out: Option<&Path>, text: &str) -> Result<()> {
    match out {
        Some(path) => {
            std::fs::write(path, text).map_err(|error| cant_write(path, &error))?;
            terminal::note(format_args!("written to {}", path.display()));
            Ok(())
        }
        None => terminal::result(text.trim_end())
            .map_err(|error| Failure::io("can't write to standard output", &error)),
    }
}

/// What stands in comments before a profile that is a file.
pub(crate) fn head_of(name: &str) -> String {
    let text = std::fs::read_to_string(name).unwrap_or_default();
    let comments = text.lines().take_while(|line| line.starts_with('#'));
    comments.map(|line| format!("{line}\n")).collect()
}

/// How often a thing is measured at the most, if the host takes more than this share of the cores
/// meanwhile: a run on such a machine would not count either.
const TRIES: usize = 4;
const QUIET: f64 = 0.005;

/// What was measured while the host took least.
fn undisturbed<T>(mut measure: impl FnMut() -> T) -> T {
    quietest(|| {
        let (since, before) = (Instant::now(), stolen_seconds());
        let measured = measure();
        let time = since.elapsed().as_secs_f64().max(1e-9) * f64::from(cores());
        ((stolen_seconds() - before) / time, measured)
    })
}

/// The first that was measured on a quiet machine, or the one that was disturbed least. Each is
/// told with the share of the cores that the host took.
fn quietest<T>(mut measure: impl FnMut() -> (f64, T)) -> T {
    let mut best = measure();
    for _ in 1..TRIES {
        if best.0 <= QUIET {
            break;
        }
        let next = measure();
        if next.0 < best.0 {
            best = next;
        }
    }
    best.1
}

/// Measures this machine and the disk of `data`, each thing for `time` at the most, its caches for
/// twice as long and what interrupts for six times, and again while the host takes much: what to
/// say before the profile, and the profile.
pub(crate) fn measure(data: &Path, name: &str, time: Duration) -> Result<(String, Profile)> {
    let stolen = (Instant::now(), stolen_seconds());
    let before = speed::measure(&allowed(), speed::BESIDE);
    let clock = cpu::measure(time / 4);
    terminal::note(format_args!("CPU: {:.3} ns a dependent multiplication", clock.multiply_ns));
    let scheduler = undisturbed(|| scheduler::measure(time));
    scheduler.tell().iter().for_each(|line| terminal::note(format_args!("{line}")));
    // What others on the host do to them comes and goes: it takes longer to see.
    let caches = undisturbed(|| caches::measure(2 * time));
    terminal::note(caches.tell());
    let [waiting, spinning] = undisturbed(|| loopback::measure(time))?;
    terminal::note(format_args!("loopback round trip: {}", waiting.tell()));
    terminal::note(format_args!("the same without waking anybody up: {}", spinning.tell()));
    // What comes at all comes during runs as well, and what is rare makes their tails.
    let interruptions = interruptions::measure(6 * time);
    terminal::note(interruptions.tell());
    let disk = undisturbed(|| disk::measure(data, time))?;
    terminal::note(format_args!("append of 4 KiB and fdatasync: {}", disk.sync.tell()));
    terminal::note(format_args!(
        "append of 4 KiB to the page cache: {} ({:.0} MB/s in pieces of 64 KiB)",
        disk.append.tell(),
        disk.cache_rate / 1e6
    ));
    let after = speed::measure(&allowed(), speed::BESIDE);
    let speed = Speed::mean(before.into_iter().chain(after));
    terminal::note(match &speed {
        Some(speed) => format!("speed of the cores: {}", speed.tell()),
        None => speed::UNKNOWN.into(),
    });
    let told = more(&disk, time, stolen);
    told.iter().for_each(terminal::note);
    // As a run has it that launches a cluster here.
    let placement = Placement::find(None, true)?;
    let machine = |cores: &[usize]| Machine {
        cores: cores.len() as u32,
        nic: BytesPerSecond::UNLIMITED,
        loopback: spinning.halved().distribution(),
        page_cache: Bytes(0),
        disks: vec![disk.spec()],
        scheduler: SchedulerSpec { refill: caches.refill(), ..scheduler.spec() },
        others: interruptions.on(cores.len() as u32).into_iter().collect(),
        background: vec![],
        policy: Policy::default(),
    };
    let profile = Profile {
        name: name.to_owned(),
        describes: format!("{} cores, {}; disk of {}", cores(), kernel::release(), data.display()),
        source: format!("Measured by loadgen {} profile", env!("CARGO_PKG_VERSION")),
        one_machine: true,
        own_cores: placement.cores == Cores::Own,
        pacer: scheduler.pacer(clock.percent()),
        cpu_percent: clock.percent(),
        measured_on: Some(kernel::host()),
        speed,
        // As servers are launched here.
        server: Machine { policy: launch::policy(), ..machine(&placement.cluster) },
        client: machine(&placement.generator),
        network: NetworkSpec::default(),
        options: toml::Table::new(),
    };
    let head = header(&clock, &scheduler, [&waiting, &spinning], &disk);
    let told = told.into_iter().chain([interruptions.tell(), caches.tell()]);
    let told: String = told.map(|line| format!("# {line}\n")).collect();
    Ok((head + &told, profile))
}

/// What the machine does besides, a line each: syncs by size, copies, and what its host took since
/// it was first asked. The simulator has no use for them yet.
fn more(disk: &disk::Disk, time: Duration, stolen: (Instant, f64)) -> Vec<String> {
    let sync = |(kib, times): &(usize, quantiles::Times)| {
        format!("append of {kib} KiB and fdatasync: {}", times.tell())
    };
    let copy = |kib: usize| {
        let rate = cpu::copies(kib << 10, time / 16);
        format!("copy of {kib} KiB: {:.1} GB/s", rate / 1e9)
    };
    let mut all: Vec<String> = disk.larger.iter().map(sync).collect();
    all.extend([4, 64, 1 << 10, 64 << 10].map(copy));
    let (since, before) = stolen;
    let share = (stolen_seconds() - before) / since.elapsed().as_secs_f64().max(1e-9);
    all.push(format!("taken by the host meanwhile: {:.2} % of a core", share * 100.0));
    all
}

/// What was measured, in words; the profile has the part that the simulator uses.
fn header(
    clock: &cpu::Clock,
    scheduler: &scheduler::Scheduler,
    [waiting, spinning]: [&quantiles::Times; 2],
    disk: &disk::Disk,
) -> String {
    let scheduler: String = scheduler.tell().iter().map(|line| format!("# {line}\n")).collect();
    format!(
        "# A measured machine profile: servers and clients on this one machine.\n\
         # CPU: {:.3} ns a dependent multiplication, {} % of the time on the machine that the\n\
         # models' costs are stated for (Xeon E5-2686 v4 at 2.7 GHz, 3 cycles).\n\
         {scheduler}\
         # Loopback TCP round trip of 100 B: {}\n\
         # The same without waking anybody up, which is what the profile has: {}\n\
         # Append of 4 KiB + fdatasync: {}\n\
         # Append of 4 KiB to the page cache: {}; {:.0} MB/s in pieces of 64 KiB\n\
         # The network is not used: there is one machine.\n",
        clock.multiply_ns,
        clock.percent(),
        waiting.tell(),
        spinning.tell(),
        disk.sync.tell(),
        disk.append.tell(),
        disk.cache_rate / 1e6,
    )
}

/// The time of something too short to be measured alone.
pub(crate) fn constant(ns: u64) -> Distribution {
    Distribution::constant(headwater_sim::time::Duration(ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_disturbed_is_measured_again_and_the_quietest_counts() {
        let of = |shares: &[f64]| {
            let mut shares = shares.iter().copied();
            let mut count = 0;
            let share = quietest(|| {
                count += 1;
                let share = shares.next().unwrap();
                (share, share)
            });
            (share, count)
        };
        assert_eq!(of(&[0.001]), (0.001, 1));
        assert_eq!(of(&[0.2, 0.0]), (0.0, 2));
        assert_eq!(of(&[0.2, 0.05, 0.1, 0.3]), (0.05, TRIES));
    }
}
