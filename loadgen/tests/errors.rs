//! Bad input, clusters that are not there, disks that are full: one line that says what to do, in
//! bounded time; exit code 2 where nothing was run, 1 where a run was.

mod common;

use std::net::TcpListener;
use std::path::Path;

/// A port that nothing listens on.
fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// A directory with these programs and no other.
fn path_with(programs: &[&str]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for program in programs {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|at| at.join(program))
            .find(|path| path.exists());
        std::os::unix::fs::symlink(found.unwrap(), directory.path().join(program)).unwrap();
    }
    directory
}

/// A program that says what a Java of this version says.
fn fake_java(directory: &Path, version: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = directory.join("java");
    let text = format!("#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn an_unknown_target_names_the_nearest() {
    let line = common::failure(&common::run(common::loadgen("--rate 10 --target kafak")));
    assert!(line.contains("did you mean `kafka`?"), "{line}");
}

#[test]
fn what_is_missing_is_named() {
    let line = common::failure(&common::run(common::loadgen("--rate 10")));
    assert!(
        line.contains("give --target kafka, pravega, bookkeeper, log or null, or --scenario"),
        "{line}"
    );
}

#[test]
fn the_line_of_the_readme_needs_no_rate() {
    let readme = include_str!("../../README.md");
    assert!(readme.contains("`loadgen --target kafka --bootstrap HOST:PORT`"));
    let port = closed_port();
    let arguments = format!("--target kafka --bootstrap 127.0.0.1:{port}");
    let line = common::failure(&common::run(common::loadgen(&arguments)));
    assert!(line.contains(&format!("no kafka answers at 127.0.0.1:{port}")), "{line}");
}

#[test]
fn a_rate_that_no_generator_keeps_is_refused_before_it_is_started() {
    let arguments = "--target null --rate 1000000000 --duration 4s";
    let line = common::failure(&common::run(common::loadgen(arguments)));
    for want in ["about 4,000,000,000 events", "traffic.rate", "--yes"] {
        assert!(line.contains(want), "{want}: {line}");
    }
}

#[test]
fn a_run_that_would_be_another_experiment_is_refused_with_the_fix() {
    let arguments = "--scenario burst/castle-pravega --launch --set system.scaling.at.ms=5000";
    let line = common::failure(&common::run(common::loadgen(arguments)));
    for want in ["system.scaling.at.ms is 5000 ms", "would be never", "system.scaling.at.ms=0"] {
        assert!(line.contains(want), "{want}: {line}");
    }
    assert!(line.contains("--accept-differences"), "{line}");
    // Then the next thing that is missing is told: nothing is there to launch with.
    let nothing = path_with(&[]);
    let mut command = common::loadgen(&format!("{arguments} --accept-differences"));
    command.env("PATH", nothing.path());
    assert!(common::failure(&common::run(command)).contains("no `java` on the PATH"));
}

#[test]
fn a_system_that_is_always_launched_says_so() {
    let arguments = "--scenario swarm/bookkeeper --no-launch";
    let line = common::failure(&common::run(common::loadgen(arguments)));
    assert!(line.contains("target bookkeeper is always launched"), "{line}");
}

#[test]
fn a_cut_before_what_clients_do_not_connect_to_is_refused() {
    let text = "title = 't'\nhypothesis = 'h'\nprofile = 'small-vm'\n[system]\nkind = 'pravega'\n\
                [[fault]]\nkind = 'partition'\ntarget = 'bookie-2'\nat = '1s'\nfor = '1s'\n\
                peers = ['producers', 'consumers']\n";
    let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    std::fs::write(file.path(), text).unwrap();
    let arguments = format!("--launch --scenario {}", file.path().display());
    let line = common::failure(&common::run(common::loadgen(&arguments)));
    for want in ["bookie-2, which they don't connect to", "store-3, controller-1"] {
        assert!(line.contains(want), "{want}: {line}");
    }
}

#[test]
fn options_of_another_system_are_refused() {
    let line = common::failure(&common::run(common::loadgen("--rate 1 --target pravega --acks 1")));
    assert!(line.contains("--acks is not an option of pravega"), "{line}");
    let arguments = "--rate 1 --target null --bootstrap 127.0.0.1:1";
    let line = common::failure(&common::run(common::loadgen(arguments)));
    assert!(line.contains("--bootstrap has no effect"), "{line}");
    let arguments = "--rate 1 --bootstrap 127.0.0.1:1 --controller 127.0.0.1:1";
    let line = common::failure(&common::run(common::loadgen(arguments)));
    assert!(line.contains("clusters of kafka and of pravega are named"), "{line}");
    let line = common::failure(&common::run(common::loadgen("--rate 1 --target null --launch")));
    assert!(line.contains("--launch has no effect on target null"), "{line}");
}

#[test]
fn a_named_cluster_that_is_not_there_is_told_and_not_launched() {
    for (option, name) in [("--bootstrap", "kafka"), ("--controller", "pravega")] {
        let port = closed_port();
        let arguments = format!("--rate 10 {option} 127.0.0.1:{port}");
        let line = common::failure(&common::run(common::loadgen(&arguments)));
        assert!(line.contains(&format!("no {name} answers at 127.0.0.1:{port}")), "{line}");
        assert!(line.contains("nothing accepts connections"), "{line}");
    }
}

#[test]
fn a_half_dead_cluster_is_given_up_after_a_bounded_time() {
    // It accepts connections and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    for option in ["--bootstrap", "--controller"] {
        let arguments = format!("--rate 10 {option} 127.0.0.1:{port}");
        let line = common::failure(&common::run(common::loadgen(&arguments)));
        assert!(line.contains("accepts connections but does not answer"), "{line}");
    }
}

#[test]
fn a_listener_that_hangs_up_on_plain_text_is_told_apart_from_a_dead_one() {
    use std::io::Read;
    // As one with TLS does.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        listener.incoming().flatten().for_each(|mut peer| drop(peer.read(&mut [0; 16])));
    });
    let arguments = format!("--rate 10 --bootstrap 127.0.0.1:{port}");
    let line = common::failure(&common::run(common::loadgen(&arguments)));
    // Why the connection failed is librdkafka's to say, when it gets to it.
    assert!(line.contains("does not answer as Kafka without TLS or SASL"), "{line}");
}

#[test]
fn a_default_port_that_another_program_holds_is_told_with_its_holder() {
    for (target, port) in [("kafka", 9092), ("pravega", 9090)] {
        let _held = TcpListener::bind(("127.0.0.1", port)).expect("the default port is free");
        let command = common::loadgen(&format!("--rate 10 --target {target}"));
        let line = common::failure(&common::run(command));
        let holder = format!("(pid {})", std::process::id());
        assert!(line.contains(&format!("port {port} is held by")), "{line}");
        assert!(line.contains(&holder) && line.contains("--launch"), "{line}");
    }
}

#[test]
fn a_page_needs_a_scenario_of_several_systems() {
    for (option, arguments) in [
        ("--page", "--rate 10 --target null --page"),
        ("--hold", "--rate 10 --target null --hold"),
        ("--hold", "--scenario live/stress-1600-kafka --hold 5m"),
    ] {
        let line = common::failure(&common::run(common::loadgen(arguments)));
        assert!(line.contains(&format!("{option} has no effect")), "{line}");
        assert!(line.contains("such as --scenario pipeline/twitter-full"), "{line}");
    }
    let arguments = "--scenario pipeline/twitter-1600 --page";
    let line = common::failure(&common::run(common::loadgen(arguments)));
    assert!(line.contains("has none of backup, trending, search"), "{line}");
    let output = common::run(common::loadgen("--scenario pipeline/twitter-full --hold soon"));
    assert_eq!(output.status.code(), Some(2), "{}", common::errors(&output));
}

#[test]
fn without_java_it_says_what_to_install() {
    let nothing = path_with(&[]);
    for target in ["kafka", "pravega"] {
        let mut command = common::loadgen(&format!("--rate 10 --launch --target {target}"));
        let line = common::failure(&common::run({
            command.env("PATH", nothing.path());
            command
        }));
        assert!(line.contains("no `java` on the PATH") && line.contains("apt install"), "{line}");
    }
}

#[test]
fn an_old_java_is_told_from_a_new_one() {
    let directory = path_with(&["sh"]);
    fake_java(directory.path(), "11.0.2");
    let mut command = common::loadgen("--rate 10 --launch --target kafka");
    command.env("PATH", directory.path());
    let line = common::failure(&common::run(command));
    assert!(line.contains("version 11") && line.contains("17 or later"), "{line}");
}

#[test]
fn a_java_that_does_not_start_is_told_with_what_it_says() {
    let directory = path_with(&["sh"]);
    let broken = "17\"'; echo 'Unrecognized VM option' >&2; exit 1; echo '";
    fake_java(directory.path(), broken);
    let mut command = common::loadgen("--rate 10 --launch --target kafka");
    command.env("PATH", directory.path());
    let line = common::failure(&common::run(command));
    assert!(line.contains("does not start") && line.contains("Unrecognized VM option"), "{line}");
}

#[test]
fn without_maven_it_says_what_to_install_and_leaves_no_half_cache() {
    let directory = path_with(&["sh"]);
    fake_java(directory.path(), "17.0.1");
    let cache = tempfile::tempdir().unwrap();
    let mut command = common::loadgen("--rate 10 --launch --target kafka");
    command.env("PATH", directory.path()).env("HEADWATER_CACHE", cache.path());
    let line = common::failure(&common::run(command));
    assert!(line.contains("no `mvn` on the PATH") && line.contains("apt install"), "{line}");
    assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 0);
}

#[test]
fn a_heap_that_the_machine_has_no_memory_for_is_told_before_anything_is_fetched() {
    let directory = path_with(&["sh"]);
    fake_java(directory.path(), "17.0.1");
    let arguments = "--rate 10 --launch --target kafka --set system.jvm.heap=100TiB";
    let mut command = common::loadgen(arguments);
    command.env("PATH", directory.path());
    let line = common::failure(&common::run(command));
    assert!(line.contains("1 broker with a heap of 102400GiB needs 102400.0 GiB"), "{line}");
    assert!(line.contains("--set system.jvm.heap"), "{line}");
}

#[test]
fn a_damaged_cache_is_told_and_fetched_again() {
    let directory = path_with(&["sh"]);
    fake_java(directory.path(), "17.0.1");
    let cache = tempfile::tempdir().unwrap();
    let home = cache.path().join("kafka-3.9.2");
    std::fs::create_dir_all(home.join("jars")).unwrap();
    std::fs::write(home.join("manifest"), "5 kafka.jar\n").unwrap();
    let mut command = common::loadgen("--rate 10 --launch --target kafka");
    command.env("PATH", directory.path()).env("HEADWATER_CACHE", cache.path());
    let output = common::run(command);
    let text = common::errors(&output);
    assert!(text.contains("damaged (kafka.jar is missing)"), "{text}");
    assert!(common::failure(&output).contains("no `mvn`"), "{text}");
}

#[test]
fn a_directory_that_cant_be_written_costs_no_run() {
    // /dev/full takes no byte; a file is no directory.
    let arguments = "--target null --rate 10 --duration 1s --out /dev/full/result";
    let line = common::failure(&common::run(common::loadgen(arguments)));
    assert!(line.contains("--out /dev/full/result"), "{line}");
}

#[test]
fn a_profile_that_cant_be_written_is_not_measured() {
    let output = common::run(common::loadgen("profile --out /dev/null/mine.toml"));
    let line = common::failure(&output);
    assert!(line.contains("can't write /dev/null/mine.toml"), "{line}");
    assert!(!common::errors(&output).contains("CPU:"), "it was measured first");
}

#[test]
fn a_file_that_fills_the_disk_is_named_and_the_others_are_kept() {
    let files = ["outcome.json", "latency.hlog", "report.html"];
    for full in files {
        let folder = tempfile::tempdir().unwrap();
        // Files are written under this name first; /dev/full answers ENOSPC (full(4)).
        let partial = folder.path().join(format!("{full}.partial"));
        std::os::unix::fs::symlink("/dev/full", partial).unwrap();
        let mut command = common::loadgen("--target null --rate 10 --duration 1s --out");
        command.arg(folder.path());
        let output = common::run(command);
        let text = common::errors(&output);
        assert_eq!(output.status.code(), Some(1), "{text}");
        let line = text.lines().find(|line| line.starts_with("error:")).unwrap_or_default();
        assert!(line.contains(full) && line.contains("No space left"), "{text}");
        for file in files {
            assert_eq!(folder.path().join(file).exists(), file != full, "{file}: {text}");
        }
    }
}

#[test]
fn a_scenario_that_breaks_processes_is_not_run_on_a_named_cluster() {
    let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    let text = "title = 't'\nhypothesis = 'h'\nprofile = 'small-vm'\n[system]\nkind = 'kafka'\n\
                [[fault]]\nkind = 'crash'\ntarget = 'broker-1'\nat = '3s'\nfor = '2s'\n";
    std::fs::write(file.path(), text).unwrap();
    let mut command = common::loadgen("--bootstrap 127.0.0.1:1 --scenario");
    command.arg(file.path());
    let line = common::failure(&common::run(command));
    assert!(line.contains("give --launch"), "{line}");
}

/// A scenario of Kafka with a fault on a broker.
fn with_fault(brokers: u32, fault: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    let text = format!(
        "title = 't'\nhypothesis = 'h'\nprofile = 'small-vm'\n[system]\nkind = 'kafka'\n\
         brokers = {brokers}\n[[fault]]\n{fault}\ntarget = 'broker-1'\nat = '1s'\nfor = '1s'\n"
    );
    std::fs::write(file.path(), text).unwrap();
    file
}

#[test]
fn a_cut_between_servers_is_refused_before_anything_is_launched_with_what_can_be_done() {
    let file = with_fault(3, "kind = 'partition'");
    let nothing = path_with(&[]);
    let mut command = common::loadgen("--launch --scenario");
    command.arg(file.path()).env("PATH", nothing.path());
    let line = common::failure(&common::run(command));
    assert!(line.contains("`partition` is between servers too"), "{line}");
    assert!(line.contains("peers = [\"producers\", \"consumers\"]"), "{line}");
}

#[test]
fn faults_that_have_nothing_to_hurt_are_refused_and_left_out_with_a_warning_where_accepted() {
    let file = with_fault(1, "kind = 'crash'");
    let arguments = "--target null --rate 100 --duration 3s --scenario";
    let mut command = common::loadgen(arguments);
    let line = common::failure(&common::run({
        command.arg(file.path());
        command
    }));
    assert!(line.contains("fault is crash and would be none"), "{line}");
    assert!(line.contains("--target log"), "{line}");
    let out = tempfile::tempdir().unwrap();
    let mut command = common::loadgen(&format!("--accept-differences {arguments}"));
    command.arg(file.path()).arg("--out").arg(out.path());
    let output = common::run(command);
    assert_eq!(output.status.code(), Some(0), "{}", common::errors(&output));
    let outcome = common::outcome(out.path());
    let fired = outcome.verdicts.iter().find(|verdict| verdict.name == "faults_fired").unwrap();
    assert!(fired.measured.contains("crash at 1s never began"), "{}", fired.measured);
}

#[test]
fn what_nothing_models_is_not_forecast() {
    let line = common::failure(&common::run(common::loadgen("--target null --forecast")));
    assert!(line.contains("nothing models null"), "{line}");
}

#[test]
fn a_validation_says_what_it_would_run_and_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().display();
    let validate = |arguments: &str| common::run(common::loadgen(&format!("validate {arguments}")));
    let line = common::failure(&validate(&format!("{at}")));
    assert!(line.contains("has no scenario file"), "{line}");
    let cases = "../scenarios/validation";
    let line = common::failure(&validate(&format!("{cases} --only one/1k --write Cargo.toml")));
    assert!(line.contains("expected a line that begins with `<!-- validation"), "{line}");
    let line = common::failure(&validate(&format!("{cases} --only nothing-like-it")));
    assert!(line.contains("no case has `nothing-like-it` in its name"), "{line}");
    let planned =
        validate(&format!("{cases} --only one/small@ --repeats 2 --dry-run --out {at}/o"));
    assert_eq!(planned.status.code(), Some(0), "{}", common::errors(&planned));
    let order = String::from_utf8_lossy(&planned.stdout).into_owned();
    assert_eq!(order.lines().count(), 8, "{order}");
    assert!(order.contains("one/small@linger-20, repeat 2"), "{order}");
    assert!(common::errors(&planned).contains("4 cases, 8 runs: about"), "{planned:?}");
    assert!(!folder.path().join("o").exists(), "nothing is written");
}
