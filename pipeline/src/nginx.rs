//! A configuration of nginx: web processes behind one address of this machine.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;

use crate::arguments::NginxConfig;
use crate::failure::{Failure, Result};

/// Which process gets the next request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Policy {
    /// One after the other.
    RoundRobin,
    /// The one with the fewest that are not answered (`least_conn`).
    LeastConnections,
}

/// Prints the configuration.
///
/// # Errors
/// A folder that is not there, or has a name that the file could not say.
pub fn run(asked: &NginxConfig) -> Result<()> {
    print!("{}", config(asked)?);
    Ok(())
}

/// The configuration that `asked` describes.
///
/// # Errors
/// A folder that is not there, or has a name that the file could not say.
pub fn config(asked: &NginxConfig) -> Result<String> {
    let folder = folder(&asked.folder)?;
    let mut out = format!(
        "# In front of {} web processes: headwater-pipeline nginx-config. All that nginx writes\n\
         # is in this folder, so that it runs as anybody.\n\
         daemon off;\nworker_processes 1;\npid \"{folder}/nginx.pid\";\n\
         error_log \"{folder}/error.log\" warn;\n\
         events {{ worker_connections 1024; }}\nhttp {{\n  access_log off;\n",
        asked.web.len()
    );
    for kind in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        line(&mut out, format_args!("  {kind}_temp_path \"{folder}/{kind}\";"));
    }
    out += "  upstream web {\n";
    if asked.policy == Policy::LeastConnections {
        out += "    least_conn;\n";
    }
    let (fails, down) = (asked.max_fails, time(asked.fail_timeout));
    for at in &asked.web {
        line(&mut out, format_args!("    server {at} max_fails={fails} fail_timeout={down};"));
    }
    let (listen, read) = (asked.listen, time(asked.read_timeout));
    let _ = write!(
        out,
        "    keepalive 16;\n  }}\n  server {{\n    listen {listen};\n    location / {{\n      \
         proxy_pass http://web;\n      proxy_http_version 1.1;\n      \
         proxy_set_header Connection \"\";\n      proxy_set_header Host $host;\n      \
         proxy_connect_timeout 1s;\n      proxy_read_timeout {read};\n      \
         proxy_next_upstream error timeout;\n      add_header X-Upstream $upstream_addr always;\n\
         \x20   }}\n  }}\n}}\n"
    );
    Ok(out)
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = writeln!(out, "{text}");
}

/// The folder's whole path: nginx takes a path that is not for one below its prefix.
fn folder(folder: &Path) -> Result<String> {
    let failed = |error| {
        Failure::usage(format!("--folder {}: {error}; a folder is expected", folder.display()))
    };
    let whole = folder.canonicalize().map_err(failed)?;
    if !whole.is_dir() {
        return Err(Failure::usage(format!("--folder {}: it is no folder", folder.display())));
    }
    match whole.to_str().filter(|path| !path.contains(['"', '\\', '$', '\n', '{', '}', ';'])) {
        Some(path) => Ok(path.to_string()),
        None => Err(Failure::usage(format!(
            "--folder {}: its path has a character that a configuration of nginx gives a meaning; \
             a plain name is expected",
            whole.display()
        ))),
    }
}

/// As nginx writes times.
fn time(time: Duration) -> String {
    format!("{}ms", time.as_millis().max(1))
}
