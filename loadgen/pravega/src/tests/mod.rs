//! The client against a cluster that is faked in this process: a controller that speaks gRPC, and
//! stores that speak the wire protocol, on sockets of the loopback address.

mod controller;
mod fake;
mod reader;
mod store;
mod wire;
mod writer;

use std::time::Duration;

use crate::options::Options;
use crate::segment::StreamName;

/// The stream of all tests.
fn stream() -> StreamName {
    StreamName { scope: "tests".into(), stream: "events".into() }
}

/// Limits that a test which reaches one can wait for.
fn options() -> Options {
    let [setup, silence, deadline] = [300, 600, 900].map(Duration::from_millis);
    Options { setup, silence, deadline }
}

/// Runs a test in a runtime of its own, which ends whatever becomes of it.
fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(30), test).await.expect("it hangs");
    });
}
