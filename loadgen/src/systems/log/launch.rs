//! Our own log: its server, which is this program again.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;

use super::server::Log;
use super::store::FileStore;
use crate::failure::{Failure, Result};
use crate::fault::proxy::Proxy;
use crate::launch::guard::Launch;
use crate::launch::guarded::{Guarded, held};
use crate::launch::{LaunchedCluster, Places, ports, wait_ready};
use crate::terminal;
use crate::utilisation::Watched;

/// The one process.
pub(super) const PROCESS: &str = "log-1";

/// Launches the server, and waits until it accepts connections; `proxied`: clients find it through
/// a proxy.
pub(super) fn launch(proxied: bool, places: &Places) -> Result<LaunchedCluster> {
    let data = places.data("log")?;
    let free = ports::free(2)?;
    let (port, behind) = (free[0], free[usize::from(proxied)]);
    let program = std::env::current_exe()
        .map_err(|error| Failure::io("can't find this program to start it again", &error))?;
    let log = data.join(format!("{PROCESS}.log"));
    let mut command = vec![program.to_string_lossy().into_owned(), "log-server".to_owned()];
    command.extend(["--port".to_owned(), behind.to_string(), "--file".to_owned()]);
    command.push(data.join(PROCESS).to_string_lossy().into_owned());
    let describes = "a log of our own: one file, synced for every batch, over TCP";
    terminal::note(format_args!("launching {describes}, port {port}; logs in {}", data.display()));
    let name = PROCESS.to_owned();
    let launch = Launch {
        name: name.clone(),
        command,
        directory: data.clone(),
        log: log.clone(),
        user: None,
    };
    let guarded = Arc::new(Mutex::new(Guarded::start(&data, places)?));
    let pid = held(&guarded)?.launch(launch)?;
    let watched: Watched = Arc::new(Mutex::new(vec![(name.clone(), pid)]));
    wait_ready(&guarded, &name, &log, || ports::listens(ports::local(behind)))?;
    let proxies = match proxied {
        true => vec![Proxy::start(&[(port, ports::local(behind))])?],
        false => vec![],
    };
    Ok(LaunchedCluster {
        address: ports::local(port).to_string(),
        describes: describes.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        guarded,
        watched,
        proxies,
        inside: ports::local(behind).to_string(),
        data,
        jvms: vec![],
    })
}

/// Serves a log in `file` on `port` of the loopback address, until the process is ended.
pub(super) fn serve(file: &Path, port: u16) -> Result<()> {
    let named = |what: &str| format!("{what} {}", file.display());
    let store = FileStore::open(file).map_err(|error| Failure::io(named("can't open"), &error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::io("can't start a runtime", &error))?;
    let address: SocketAddr = ports::local(port);
    let served = runtime.block_on(async {
        let listener = TcpListener::bind(address).await?;
        let accept = async || {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        Log::new(store).serve_all(accept).await
    });
    served.map_err(|error| Failure::io(named("can't go on with"), &error))
}

/// What the server is started with.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Serve {
    /// Port of the loopback address
    #[arg(long)]
    port: u16,
    /// Where events are kept
    #[arg(long)]
    file: PathBuf,
}

impl Serve {
    /// Serves.
    pub(crate) fn run(&self) -> Result<std::process::ExitCode> {
        serve(&self.file, self.port).map(|()| std::process::ExitCode::SUCCESS)
    }
}
