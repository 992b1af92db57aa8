//! `headwater-pipeline`: the services behind a stream.

fn main() -> std::process::ExitCode {
    headwater_pipeline::main()
}
