//! The closed-loop scenario on turmoil, over its TCP.
//!
//! turmoil draws a message's latency from a clamped exponential between the two bounds, in whole
//! milliseconds (`src/top.rs` @ 0.7.2, `delay`), not from a uniform distribution: its messages are
//! the same, its mix of latencies is not quite.

#[path = "../../../src/measure.rs"]
mod measure;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turmoil::net::{TcpListener, TcpStream};

const CLIENTS: u32 = 100;
const BODY_BYTES: usize = 100;
const PORT: u16 = 700;

type Count = Rc<Cell<u64>>;

fn main() {
    let length = Duration::from_secs(measure::virtual_seconds());
    let run = measure::Run::measure(|| (scenario(length), 0));
    run.print();
}

fn scenario(length: Duration) -> u64 {
    let count = Count::default();
    let mut sim = turmoil::Builder::new()
        .rng_seed(7)
        .min_message_latency(Duration::from_millis(1))
        .max_message_latency(Duration::from_millis(10))
        .simulation_duration(length * 2)
        .tcp_capacity(1024)
        .build();
    let served = count.clone();
    sim.host("server", move || serve(served.clone()));
    for client in 0..CLIENTS {
        let called = count.clone();
        sim.host(format!("client-{client}"), move || call(called.clone()));
    }
    while sim.elapsed() < length {
        sim.step().expect("no host fails");
    }
    count.get()
}

async fn serve(count: Count) -> turmoil::Result {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).await?;
    loop {
        let (mut stream, _) = listener.accept().await?;
        let count = count.clone();
        tokio::task::spawn_local(async move {
            let mut body = [0; BODY_BYTES];
            while stream.read_exact(&mut body).await.is_ok() {
                count.set(count.get() + 1);
                stream.write_all(&body).await.expect("the client is there");
            }
        });
    }
}

async fn call(count: Count) -> turmoil::Result {
    let mut stream = TcpStream::connect(("server", PORT)).await?;
    let mut body = [7; BODY_BYTES];
    loop {
        stream.write_all(&body).await?;
        stream.read_exact(&mut body).await?;
        count.set(count.get() + 1);
    }
}
