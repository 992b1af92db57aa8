//! A TCP proxy on the loopback address, between clients and one launched server: it holds, delays,
//! narrows, forgets or refuses what passes.
//!
//! ```text
//!  clients ──> door ──> line to the server ──> server
//!          <── line to the clients <────────────┘
//! ```
//!
//! What is held stays in its line and, when that is full, in the sender's socket, as behind a cut
//! that TCP sits out. Nothing that has left a socket is lost, but on connections that are
//! forgotten. Who connects meanwhile is taken, and hears nothing.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use headwater_scenarios::faults::{FaultSpec, Live};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::sleep;

use super::line::{Conduct, Link, Passage, Way, Wire};
use crate::failure::{Failure, Result};
use crate::launch::ports;

/// How long after a port is in use another try is made to have it.
const AGAIN: Duration = Duration::from_millis(20);

/// Connections that wait to be taken at the most (`SOMAXCONN` of Linux before 5.4).
const BACKLOG: u32 = 128;

/// Whether faults need a proxy in front of each server.
pub(crate) fn need_proxies(faults: &[FaultSpec]) -> bool {
    faults.iter().any(|fault| matches!(fault.action.entry().live, Live::Proxy(_)))
}

/// A proxy. Dropping it ends it, with all of its connections.
pub(crate) struct Proxy {
    control: Control,
    _runtime: Runtime,
}

impl Proxy {
    /// Listens on each of these ports of the loopback address, in front of the address beside it.
    /// All of them are of one server.
    ///
    /// # Errors
    /// If it can't listen there.
    pub(crate) fn start(doors: &[(u16, SocketAddr)]) -> Result<Self> {
        let fail = |error: std::io::Error| Failure::io("can't start a proxy", &error);
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(1).thread_name("proxy").enable_all().build();
        let runtime = runtime.map_err(fail)?;
        let control = Control::default();
        for (port, server) in doors {
            let here = ports::local(*port);
            let listener = runtime.block_on(TcpListener::bind(here)).map_err(fail)?;
            let door = Door { here, server: *server, wire: control.wire() };
            runtime.spawn(door.keep(listener));
        }
        Ok(Self { control, _runtime: runtime })
    }

    /// What changes its conduct.
    pub(crate) fn control(&self) -> &Control {
        &self.control
    }
}

/// Changes the conduct of a proxy.
#[derive(Clone, Debug)]
pub(crate) struct Control {
    conduct: watch::Sender<Conduct>,
    links: Arc<[Link; 2]>,
    /// Connections so far.
    count: Arc<AtomicU64>,
}

impl Default for Control {
    fn default() -> Self {
        let conduct = watch::Sender::new(Conduct::default());
        Self { conduct, links: Arc::default(), count: Arc::default() }
    }
}

impl Control {
    /// Changes what becomes of what goes one way.
    pub(crate) fn change(&self, way: Way, change: impl FnOnce(&mut Passage)) {
        self.conduct.send_modify(|conduct| change(&mut conduct.passages[way as usize]));
    }

    /// What becomes of what goes one way at present.
    #[cfg(test)]
    pub(super) fn passage(&self, way: Way) -> Passage {
        self.conduct.borrow().passages[way as usize].clone()
    }

    /// Takes no new connections, or takes them again. Those that stand go on.
    pub(crate) fn refuse(&self, refuses: bool) {
        self.conduct.send_modify(|conduct| conduct.refuses = refuses);
    }

    /// Forgets the connections that stand: what is sent on them vanishes.
    pub(crate) fn forget(&self) {
        let count = self.count.load(Ordering::SeqCst);
        self.conduct.send_modify(|conduct| conduct.forgotten = count);
    }

    /// Closes the connections that have been forgotten.
    pub(crate) fn close_forgotten(&self) {
        self.conduct.send_modify(|conduct| conduct.closed = conduct.forgotten);
    }

    fn wire(&self) -> Wire {
        Wire {
            conduct: self.conduct.subscribe(),
            links: Arc::clone(&self.links),
            count: Arc::clone(&self.count),
        }
    }
}

/// Where connections come in.
struct Door {
    here: SocketAddr,
    server: SocketAddr,
    wire: Wire,
}

impl Door {
    /// Takes connections until the proxy is gone.
    async fn keep(mut self, mut listener: TcpListener) {
        loop {
            if self.wire.conduct.borrow_and_update().refuses {
                drop(listener);
                let Some(again) = self.refuse().await else { return };
                listener = again;
            }
            tokio::select! {
                changed = self.wire.conduct.changed() => if changed.is_err() { return },
                accepted = listener.accept() => {
                    if let Ok((client, _)) = accepted {
                        tokio::spawn(reach(client, self.server, self.wire.clone()));
                    }
                }
            }
        }
    }

    /// Keeps the port, and refuses who comes, until it is to listen again; none if the proxy is
    /// gone.
    async fn refuse(&mut self) -> Option<TcpListener> {
        loop {
            // A port that is bound and does not listen refuses, and nobody else can take it.
            let held = TcpSocket::new_v4().ok().and_then(|socket| {
                socket.set_reuseaddr(true).ok()?;
                socket.bind(self.here).ok()?;
                Some(socket)
            });
            self.wire.conduct.wait_for(|conduct| !conduct.refuses).await.ok()?;
            match held.and_then(|socket| socket.listen(BACKLOG).ok()) {
                Some(listener) => return Some(listener),
                None => sleep(AGAIN).await,
            }
        }
    }
}

/// Connects a client with the server, if that is there.
async fn reach(client: TcpStream, server: SocketAddr, wire: Wire) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    // Without it small requests wait; where it fails they do.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    wire.connect(client, server).await;
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener as Listener, TcpStream as Socket};

    use headwater_sim::distribution::Distribution;
    use headwater_sim::random::Seed;
    use headwater_sim::units::BytesPerSecond;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::time::{Instant, timeout};

    use super::super::line::Delay;
    use super::*;

    /// How long something is waited for that must not come; no time passes for it here.
    const SILENCE: Duration = Duration::from_secs(3_600);

    /// A connection through a proxy, in the tests' own time: its client's and its server's end.
    fn connect(control: &Control) -> (DuplexStream, DuplexStream) {
        let [(client, near), (far, server)] = [(); 2].map(|()| tokio::io::duplex(1 << 20));
        tokio::spawn(control.wire().connect(near, far));
        (client, server)
    }

    async fn hear(end: &mut DuplexStream, length: usize) -> Vec<u8> {
        let mut heard = vec![0; length];
        end.read_exact(&mut heard).await.unwrap();
        heard
    }

    async fn is_silent(end: &mut DuplexStream) -> bool {
        timeout(SILENCE, end.read(&mut [0])).await.is_err()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_held_comes_in_order_when_the_last_cut_is_healed() {
        let control = Control::default();
        let (mut client, mut server) = connect(&control);
        client.write_all(b"one ").await.unwrap();
        assert_eq!(hear(&mut server, 4).await, b"one ");
        for way in [Way::ToServer, Way::ToClients] {
            let (from, to) = match way {
                Way::ToServer => (&mut client, &mut server),
                Way::ToClients => (&mut server, &mut client),
            };
            control.change(way, |passage| passage.holds += 2);
            from.write_all(b"two ").await.unwrap();
            assert!(is_silent(to).await, "{way:?}");
            from.write_all(b"three").await.unwrap();
            control.change(way, |passage| passage.holds -= 1);
            assert!(is_silent(to).await, "{way:?}: another holds it still");
            to.write_all(b"back").await.unwrap();
            assert_eq!(hear(from, 4).await, b"back", "{way:?}: the other way is open");
            control.change(way, |passage| passage.holds -= 1);
            assert_eq!(hear(to, 9).await, b"two three", "{way:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_hears_of_an_end_that_was_closed_behind_a_cut_until_it_is_healed() {
        let control = Control::default();
        let (mut client, mut server) = connect(&control);
        control.change(Way::ToServer, |passage| passage.holds += 1);
        client.write_all(b"late").await.unwrap();
        drop(client);
        assert!(is_silent(&mut server).await);
        control.change(Way::ToServer, |passage| passage.holds -= 1);
        assert_eq!(hear(&mut server, 4).await, b"late");
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0, "then it is told");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_sent_on_a_forgotten_connection_vanishes_until_that_is_closed() {
        let control = Control::default();
        let (mut client, mut server) = connect(&control);
        client.write_all(b"one").await.unwrap();
        assert_eq!(hear(&mut server, 3).await, b"one");
        control.forget();
        client.write_all(b"two").await.unwrap();
        assert!(is_silent(&mut server).await);
        let (mut new, mut new_server) = connect(&control);
        new.write_all(b"new").await.unwrap();
        assert_eq!(hear(&mut new_server, 3).await, b"new", "a new connection is not");
        control.close_forgotten();
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0, "both ends are told");
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        new.write_all(b"on").await.unwrap();
        assert_eq!(hear(&mut new_server, 2).await, b"on");
    }

    #[tokio::test(start_paused = true)]
    async fn a_delay_is_added_one_way_and_keeps_the_order() {
        let control = Control::default();
        let (mut client, mut server) = connect(&control);
        let ms = headwater_sim::time::Duration::from_millis;
        let extra = Distribution::Uniform { low: ms(20), high: ms(80) };
        let delay = Delay { extra, lasting: false, seed: Seed(1) };
        control.change(Way::ToServer, |passage| passage.delay = Some(delay));
        let mut took = Vec::new();
        for number in 0..50_u8 {
            let sent = Instant::now();
            client.write_all(&[number]).await.unwrap();
            assert_eq!(hear(&mut server, 1).await, [number]);
            took.push(sent.elapsed().as_millis());
            let sent = Instant::now();
            server.write_all(&[number]).await.unwrap();
            assert_eq!(hear(&mut client, 1).await, [number]);
            assert_eq!(sent.elapsed(), Duration::ZERO, "the way back is sound");
        }
        let (least, most) = (took.iter().min().unwrap(), took.iter().max().unwrap());
        // The runtime's timers count in milliseconds, rounded up.
        assert!((20..30).contains(least) && (70..=81).contains(most), "{took:?} ms");
        for number in 0..50_u8 {
            client.write_all(&[number]).await.unwrap();
            tokio::task::yield_now().await;
        }
        assert_eq!(hear(&mut server, 50).await, (0..50).collect::<Vec<u8>>());
        control.change(Way::ToServer, |passage| passage.delay = None);
        let sent = Instant::now();
        client.write_all(b"x").await.unwrap();
        hear(&mut server, 1).await;
        assert_eq!(sent.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_narrow_way_passes_its_rate_over_all_connections_together() {
        let control = Control::default();
        let rate = BytesPerSecond(100_000);
        control.change(Way::ToServer, |passage| passage.rate = Some(rate));
        let began = Instant::now();
        let ends = [connect(&control), connect(&control)];
        let flows = ends.map(|(mut client, mut server)| {
            tokio::spawn(async move {
                client.write_all(&[7; 150_000]).await.unwrap();
                hear(&mut server, 150_000).await;
                server.write_all(&[7; 150_000]).await.unwrap();
                hear(&mut client, 150_000).await;
            })
        });
        for flow in flows {
            flow.await.unwrap();
        }
        // 300 kB at 100 kB/s, and what a late sleep may make up for; the way back takes no time.
        let took = began.elapsed().as_millis();
        assert!((2_990..=3_010).contains(&took), "{took} ms");
        control.change(Way::ToServer, |passage| passage.rate = None);
        let (mut client, mut server) = connect(&control);
        let sent = Instant::now();
        client.write_all(&[7; 150_000]).await.unwrap();
        hear(&mut server, 150_000).await;
        assert_eq!(sent.elapsed(), Duration::ZERO);
    }

    /// A proxy in front of a server that says everything back, and its two doors.
    fn in_front_of_an_echo() -> (Proxy, [SocketAddr; 2]) {
        let listener = Listener::bind(ports::local(0)).unwrap();
        let server = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for socket in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let mut to = socket.try_clone().unwrap();
                    // Until the other end closes.
                    let _ = std::io::copy(&mut { socket }, &mut to);
                });
            }
        });
        let free = ports::free(2).unwrap();
        let proxy = Proxy::start(&[(free[0], server), (free[1], server)]).unwrap();
        (proxy, [0, 1].map(|door| ports::local(free[door])))
    }

    fn echoes(socket: &mut Socket, text: &[u8]) -> bool {
        let mut heard = vec![0; text.len()];
        socket.write_all(text).is_ok() && socket.read_exact(&mut heard).is_ok() && heard == text
    }

    #[test]
    fn who_refuses_keeps_old_connections_and_takes_no_new_one_at_any_door() {
        let (proxy, doors) = in_front_of_an_echo();
        let mut old = Socket::connect(doors[0]).unwrap();
        assert!(echoes(&mut old, b"one"));
        proxy.control().refuse(true);
        for door in doors {
            while Socket::connect(door).is_ok() {
                std::thread::yield_now();
            }
        }
        assert!(echoes(&mut old, b"two"));
        proxy.control().refuse(false);
        for door in doors {
            let mut new = loop {
                match Socket::connect(door) {
                    Ok(new) => break new,
                    Err(_) => std::thread::yield_now(),
                }
            };
            assert!(echoes(&mut new, b"three"));
        }
        drop(proxy);
        assert!(!echoes(&mut old, b"four"), "connections end with the proxy");
        assert!(Socket::connect(doors[0]).is_err());
    }
}
