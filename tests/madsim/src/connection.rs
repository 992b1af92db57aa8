//! Connections: madsim's TCP, one stream for each direction in which something was sent.
//!
//! A stream carries the number of the sender's life, then tickets for messages
//! ([`crate::world::World::post`]). madsim keeps a stream in order and holds it back while the link
//! is clogged. When an end dies the other end reads the end of the stream at once, also across a
//! cut or when the power went: there the host looks away until somebody could tell, as a machine
//! does that gets neither FIN nor RST.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use headwater_models::protocol::Message;
use headwater_sim::time::{Duration, Time};
use headwater_sim::units::NodeId;
use madsim::net::{TcpListener, TcpStream};
use madsim::task::spawn_local;
use madsim::time::sleep;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::process::{Input, Process, real};
use crate::world::World;

/// First and longest wait before a packet that was not answered is sent again (Linux
/// `TCP_RTO_MIN` and `TCP_RTO_MAX`, `include/net/tcp.h` @ 6.6), as in the kernel.
const RTO_MIN: Duration = Duration::from_millis(200);
const RTO_MAX: Duration = Duration::from_secs(120);

/// A message and when it leaves.
type Parcel = (Time, Message);

/// A stream that this process sends on.
struct Outgoing {
    parcels: UnboundedSender<Parcel>,
    /// The receiver's life, once connected.
    to_life: Rc<Cell<Option<u32>>>,
    last: Time,
}

/// The connections of a process, by the other end.
pub struct Connections {
    outgoing: RefCell<Vec<Option<Outgoing>>>,
    /// Lives of the other end whose end has been told: all below this.
    told: RefCell<Vec<u32>>,
}

impl Connections {
    /// None yet, to `nodes` nodes.
    pub fn new(nodes: usize) -> Self {
        let outgoing = RefCell::new((0..nodes).map(|_| None).collect());
        Self { outgoing, told: RefCell::new(vec![0; nodes]) }
    }
}

/// Sends a message, on a new stream if there is none.
pub fn send(process: &Rc<Process>, to: NodeId, message: Message) {
    let world = &process.world;
    let due = world.now() + world.delay(process.me, to);
    let mut outgoing = process.connections.outgoing.borrow_mut();
    let stream = outgoing[to.index()].get_or_insert_with(|| {
        let (parcels, queue) = unbounded_channel();
        let to_life = Rc::new(Cell::new(None));
        spawn_local(deliver(Rc::clone(process), to, Rc::clone(&to_life), queue));
        Outgoing { parcels, to_life, last: Time::ZERO }
    });
    stream.last = stream.last.max(due);
    // A stream whose task has ended has been taken out of the table.
    let _ = stream.parcels.send((stream.last, message));
}

/// Life `life` of `peer` is gone: tells the node, once, and forgets the stream to it.
fn gone(process: &Process, peer: NodeId, life: u32) {
    let told = &mut process.connections.told.borrow_mut()[peer.index()];
    if *told > life {
        return;
    }
    *told = life + 1;
    let mut outgoing = process.connections.outgoing.borrow_mut();
    let stream = &mut outgoing[peer.index()];
    if stream.as_ref().is_some_and(|stream| stream.to_life.get().is_some_and(|to| to <= life)) {
        *stream = None;
    }
    process.hand(Input::Disconnect(peer));
}

/// Nobody listens at `peer`: tells the node, and forgets the stream that was to be.
fn refused(process: &Process, peer: NodeId) {
    process.connections.outgoing.borrow_mut()[peer.index()] = None;
    process.hand(Input::Disconnect(peer));
}

/// Connects to `to`. `None` if it is refused; while nobody can answer, tries again.
async fn connect(process: &Process, to: NodeId) -> Option<TcpStream> {
    let mut wait = RTO_MIN;
    loop {
        if let Ok(stream) = TcpStream::connect(World::address(to)).await {
            return Some(stream);
        }
        if !process.world.silent(process.me, to) {
            return None;
        }
        sleep(real(wait)).await;
        wait = (wait * 2).min(RTO_MAX);
    }
}

/// A stream to `to`, from its beginning to its end.
async fn deliver(
    process: Rc<Process>,
    to: NodeId,
    to_life: Rc<Cell<Option<u32>>>,
    mut queue: UnboundedReceiver<Parcel>,
) {
    let Some(stream) = connect(&process, to).await else { return refused(&process, to) };
    let life = process.world.node(to).life.get();
    to_life.set(Some(life));
    pump(&process, stream, &mut queue).await;
    // The other end is gone. Where that can't be seen, the first packet that comes through, and
    // is answered by a reset, shows it.
    if process.world.silent(process.me, to) {
        if queue.is_empty() && queue.recv().await.is_none() {
            return;
        }
        let mut wait = RTO_MIN;
        while process.world.silent(process.me, to) {
            sleep(real(wait)).await;
            wait = (wait * 2).min(RTO_MAX);
        }
    }
    gone(&process, to, life);
}

/// Sends what is in the queue until the stream has ended at the other end, or the queue here.
async fn pump(process: &Process, stream: TcpStream, queue: &mut UnboundedReceiver<Parcel>) {
    let world = &process.world;
    let (mut input, mut output) = tokio::io::split(stream);
    let hello = output.write_u64(u64::from(process.life)).await;
    if hello.is_err() || output.flush().await.is_err() {
        return;
    }
    let mut end = [0];
    loop {
        let parcel = tokio::select! {
            biased;
            _ = input.read(&mut end) => return,
            parcel = queue.recv() => parcel,
        };
        let Some((due, message)) = parcel else { return };
        if due > world.now() {
            sleep(real(due.since(world.now()))).await;
        }
        let mut sent = output.write_u64(world.post(message)).await;
        // madsim takes a millisecond for each flush of a stream: what is ready goes together.
        while sent.is_ok()
            && let Ok((_, message)) = queue.try_recv()
        {
            sent = output.write_u64(world.post(message)).await;
        }
        if sent.is_err() || output.flush().await.is_err() {
            return;
        }
    }
}

/// Takes in streams from others.
pub async fn accept(process: Rc<Process>, listener: TcpListener) {
    while let Ok((stream, address)) = listener.accept().await {
        spawn_local(receive(Rc::clone(&process), stream, World::who(address.ip())));
    }
}

/// A stream from `from`, to its end.
async fn receive(process: Rc<Process>, mut stream: TcpStream, from: NodeId) {
    let Ok(life) = stream.read_u64().await else { return };
    let life = u32::try_from(life).expect("lives are few");
    while let Ok(ticket) = stream.read_u64().await {
        let message = process.world.collect(ticket);
        // What a killed process has written its machine still sends, as madsim does; not so a
        // machine without power.
        if life >= process.world.node(from).dark.get() {
            process.hand(Input::Message(from, message));
        }
    }
    if !process.world.silent(process.me, from) {
        gone(&process, from, life);
    }
}
