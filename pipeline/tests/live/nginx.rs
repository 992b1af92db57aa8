//! nginx in front of two web processes.

use std::fs;
use std::process::{Command, Stdio};

use headwater_pipeline::web::client::Client;
use rustix::process::Signal;

use crate::common::{PATIENCE, Running, port, until};
use crate::programs::{asked, program, unprivileged};

fn configured(folder: &str, listen: &str, web: [&str; 2]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_headwater-pipeline"))
        .args(["nginx-config", "--folder", folder, "--listen", listen])
        .args(["--web", web[0], "--web", web[1]])
        .output()
        .expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn one_address_stands_for_two_processes_of_which_one_may_die() {
    if !asked("one_address_stands_for_two_processes_of_which_one_may_die") {
        return;
    }
    let Some(nginx) = program(&["nginx"]) else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_str().expect("text");
    let [listen, first, second, nobody] = [(); 4].map(|()| format!("127.0.0.1:{}", port()));
    let text = configured(path, &listen, [&first, &second]);
    fs::write(folder.path().join("nginx.conf"), text).expect("written");
    let backend = format!("http://{nobody}");
    let [mut one, _two] = [&first, &second].map(|at| {
        Running::program(&["web", "--listen", at, "--trending", &backend, "--search", &backend])
    });
    let mut command = unprivileged(&nginx, folder.path());
    command.args(["-p", path, "-c", "nginx.conf"]).stderr(Stdio::null());
    let _nginx = Running::start(&mut command);
    let client = Client::new(PATIENCE);
    let listening = async |at: &str| {
        let base = format!("http://{at}").parse().expect("an address");
        until("it listens", async || client.get(&base, "/stats").await.ok()).await;
        base
    };
    listening(&first).await;
    listening(&second).await;
    let base = listening(&listen).await;
    let by = async || {
        let (status, body) = client.get(&base, "/stats").await.expect("it answers");
        let told: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        (status.as_u16(), told["listen"].as_str().unwrap_or_default().to_string())
    };
    let (left, right) = (by().await, by().await);
    assert_eq!((left.0, right.0), (200, 200));
    assert_ne!(left.1, right.1, "they take turns");
    one.end(Signal::KILL);
    for _ in 0..4 {
        assert_eq!(by().await, (200, second.clone()), "the other one alone");
    }
    let (status, page) = client.get(&base, "/").await.expect("it answers");
    assert!(status.is_success() && page.starts_with(b"<!doctype html>"));
}
