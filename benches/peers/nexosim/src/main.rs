//! The closed-loop scenario on nexosim, with one thread.
//!
//! ```text
//!              request            (each message: one scheduled event for its latency,
//!  client 0..99 ------> server     then one send through an output port)
//!              <------
//!               reply
//! ```

#[path = "../../../src/measure.rs"]
mod measure;

use std::cell::Cell;
use std::time::Duration;

use nexosim::model::{Context, Model, schedulable};
use nexosim::ports::Output;
use nexosim::simulation::{Mailbox, SimInit};
use nexosim::time::MonotonicTime;
use serde::{Deserialize, Serialize};

const CLIENTS: usize = 100;

thread_local! {
    static MESSAGES: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    MESSAGES.set(MESSAGES.get() + 1);
}

/// Uniform from 1 to 10 ms, by xorshift64* and multiply-shift.
#[derive(Serialize, Deserialize)]
struct Latency(u64);

impl Latency {
    fn draw(&mut self) -> Duration {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d);
        let nanos = 1_000_000 + ((u128::from(bits) * 9_000_001) >> 64) as u64;
        Duration::from_nanos(nanos)
    }
}

#[derive(Serialize, Deserialize)]
struct Client {
    number: usize,
    latency: Latency,
    to_server: Output<usize>,
}

#[Model]
impl Client {
    async fn on_reply(&mut self, _from: usize, cx: &Context<Self>) {
        count();
        self.call(cx);
    }

    fn call(&mut self, cx: &Context<Self>) {
        cx.schedule_event(self.latency.draw(), schedulable!(Self::arrive), ()).unwrap();
    }

    #[nexosim(schedulable)]
    async fn arrive(&mut self, _: ()) {
        self.to_server.send(self.number).await;
    }

    #[nexosim(init)]
    async fn init(&mut self, cx: &Context<Self>) {
        self.call(cx);
    }
}

#[derive(Serialize, Deserialize)]
struct Server {
    latency: Latency,
    to_client: Vec<Output<usize>>,
}

#[Model]
impl Server {
    async fn on_request(&mut self, from: usize, cx: &Context<Self>) {
        count();
        cx.schedule_event(self.latency.draw(), schedulable!(Self::arrive), from).unwrap();
    }

    #[nexosim(schedulable)]
    async fn arrive(&mut self, to: usize) {
        self.to_client[to].send(to).await;
    }
}

fn main() {
    let length = Duration::from_secs(measure::virtual_seconds());
    let run = measure::Run::measure(|| {
        scenario(length);
        (MESSAGES.get(), 0)
    });
    run.print();
}

fn scenario(length: Duration) {
    let server_mailbox = Mailbox::new();
    let mut server = Server { latency: Latency(7), to_client: vec![] };
    let mut bench = SimInit::with_num_threads(1);
    for number in 0..CLIENTS {
        let mailbox = Mailbox::new();
        let mut to_server = Output::default();
        to_server.connect(Server::on_request, &server_mailbox);
        let mut to_client = Output::default();
        to_client.connect(Client::on_reply, &mailbox);
        server.to_client.push(to_client);
        let client = Client { number, latency: Latency(11 + number as u64), to_server };
        bench = bench.add_model(client, mailbox, &format!("client-{number}"));
    }
    bench = bench.add_model(server, server_mailbox, "server");
    let mut simulation = bench.init(MonotonicTime::EPOCH).expect("the bench is sound");
    simulation.step_until(length).expect("no model fails");
}
