//! The closed-loop scenario on madsim, over TCP (`tcp`) or its datagrams (`endpoint`).
//!
//! Built with `--cfg madsim`. The default network is the scenario's: every message takes 1 to 10
//! ms, uniformly (`madsim/src/sim/net/network.rs` @ 0.2.34, `default_send_latency`).

#[path = "../../../src/measure.rs"]
mod measure;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use madsim::net::{Endpoint, TcpListener, TcpStream};
use madsim::runtime::{Handle, Runtime};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const CLIENTS: u32 = 100;
const BODY_BYTES: usize = 100;
const SERVER: &str = "10.0.0.1:700";

type Count = Arc<AtomicU64>;

fn main() {
    let tcp = match std::env::args().nth(1).as_deref() {
        Some("tcp") => true,
        Some("endpoint") => false,
        other => panic!("usage: peer-madsim tcp|endpoint VIRTUAL_SECONDS, not {other:?}"),
    };
    let length = Duration::from_secs(measure::virtual_seconds());
    let run = measure::Run::measure(|| {
        let count = Count::default();
        let runtime = Runtime::with_seed_and_config(7, madsim::Config::default());
        runtime.block_on(scenario(tcp, length, count.clone()));
        (count.load(Ordering::Relaxed), 0)
    });
    run.print();
}

async fn scenario(tcp: bool, length: Duration, count: Count) {
    let handle = Handle::current();
    let address = |host: u32| format!("10.0.{}.{}", host / 250, host % 250 + 1);
    let server = handle.create_node().name("server").ip(address(0).parse().unwrap()).build();
    if tcp {
        server.spawn(serve_tcp(count.clone()));
    } else {
        server.spawn(serve_endpoint(count.clone()));
    }
    for client in 1..=CLIENTS {
        let ip = address(client).parse().unwrap();
        let node = handle.create_node().name(format!("client-{client}")).ip(ip).build();
        if tcp {
            node.spawn(call_tcp(count.clone()));
        } else {
            node.spawn(call_endpoint(client, count.clone()));
        }
    }
    madsim::time::sleep(length).await;
}

async fn serve_tcp(count: Count) {
    let listener = TcpListener::bind(SERVER).await.unwrap();
    loop {
        let (mut stream, _) = listener.accept().await.unwrap();
        let count = count.clone();
        madsim::task::spawn(async move {
            let mut body = [0; BODY_BYTES];
            while stream.read_exact(&mut body).await.is_ok() {
                count.fetch_add(1, Ordering::Relaxed);
                stream.write_all(&body).await.unwrap();
                stream.flush().await.unwrap();
            }
        });
    }
}

async fn call_tcp(count: Count) {
    madsim::time::sleep(Duration::from_millis(1)).await;
    let mut stream = TcpStream::connect(SERVER).await.unwrap();
    let mut body = [7; BODY_BYTES];
    loop {
        stream.write_all(&body).await.unwrap();
        stream.flush().await.unwrap();
        stream.read_exact(&mut body).await.unwrap();
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// One task per client, so that the delay of at least 1 ms that madsim adds to every send holds up
/// no other client.
async fn serve_endpoint(count: Count) {
    let endpoint = Arc::new(Endpoint::bind(SERVER).await.unwrap());
    for client in 1..=CLIENTS {
        let (endpoint, count) = (endpoint.clone(), count.clone());
        madsim::task::spawn(async move {
            let mut body = [0; BODY_BYTES];
            loop {
                let (bytes, from) = endpoint.recv_from(u64::from(client), &mut body).await.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                endpoint.send_to(from, 0, &body[..bytes]).await.unwrap();
            }
        });
    }
}

async fn call_endpoint(client: u32, count: Count) {
    madsim::time::sleep(Duration::from_millis(1)).await;
    let endpoint = Endpoint::bind("0.0.0.0:0").await.unwrap();
    let server: SocketAddr = SERVER.parse().unwrap();
    let mut body = [7; BODY_BYTES];
    loop {
        endpoint.send_to(server, u64::from(client), &body).await.unwrap();
        endpoint.recv_from(0, &mut body).await.unwrap();
        count.fetch_add(1, Ordering::Relaxed);
    }
}
