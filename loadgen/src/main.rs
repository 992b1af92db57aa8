//! `loadgen`: drives real clusters with the simulator's traffic.

fn main() -> std::process::ExitCode {
    headwater_loadgen::main()
}
