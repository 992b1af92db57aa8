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
    let (fails, down) = (asked.max_fails, seconds(asked.fail_timeout));
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

/// As nginx takes the times of a server of an upstream: in whole seconds, rounded up.
fn seconds(time: Duration) -> String {
    format!("{}s", time.as_millis().div_ceil(1_000).max(1))
}

/// As it takes others.
fn time(time: Duration) -> String {
    format!("{}ms", time.as_millis().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(folder: &Path) -> NginxConfig {
        let at = |port| std::net::SocketAddr::from(([127, 0, 0, 1], port));
        NginxConfig {
            folder: folder.into(),
            listen: at(8080),
            web: vec![at(8081), at(8082)],
            policy: Policy::RoundRobin,
            max_fails: 1,
            fail_timeout: Duration::from_millis(1_500),
            read_timeout: Duration::from_millis(1_500),
        }
    }

    #[test]
    fn what_nginx_writes_is_in_the_folder_and_it_listens_on_this_machine_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = config(&asked(folder.path())).expect("a configuration");
        let whole = folder.path().canonicalize().expect("it is there");
        let paths = text.matches(&format!("\"{}/", whole.display())).count();
        assert_eq!(paths, 7, "the process, errors and five kinds of parts: {text}");
        assert_eq!(text.matches("listen ").count(), 1);
        assert!(text.contains("listen 127.0.0.1:8080;"));
        for web in ["server 127.0.0.1:8081", "server 127.0.0.1:8082"] {
            assert!(text.contains(&format!("{web} max_fails=1 fail_timeout=2s;")), "{text}");
        }
        assert!(text.contains("proxy_read_timeout 1500ms;") && !text.contains("least_conn"));
        assert_eq!(text.matches('{').count(), text.matches('}').count());
        let least = NginxConfig { policy: Policy::LeastConnections, ..asked(folder.path()) };
        assert!(config(&least).expect("a configuration").contains("    least_conn;\n"));
    }

    #[test]
    fn a_folder_that_is_not_there_or_would_be_misread_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let told = config(&asked(&folder.path().join("none"))).expect_err("not there");
        assert!(told.to_string().contains("a folder is expected"), "{told}");
        let odd = folder.path().join("a\"; b");
        std::fs::create_dir(&odd).expect("made");
        let told = config(&asked(&odd)).expect_err("misread");
        assert!(told.to_string().contains("a plain name is expected"), "{told}");
    }
}
