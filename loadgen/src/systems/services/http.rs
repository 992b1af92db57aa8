//! Questions to services on addresses of this machine.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// How long an answer to a question on the loopback address may take.
const ANSWER: Duration = Duration::from_secs(5);

/// What `address` answers to `GET path`, which is JSON.
///
/// # Errors
/// If it does not answer, or with another status than 200, or with something else.
pub(crate) fn json(address: SocketAddr, path: &str) -> std::io::Result<Value> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER)?;
    stream.set_read_timeout(Some(ANSWER))?;
    // An answer to HTTP/1.0 comes in one piece, and its end is that of the connection.
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or("nothing");
    if status != "200" {
        let why = format!("{address}{path} answers with {status}: {body}");
        return Err(std::io::Error::other(why));
    }
    serde_json::from_str(body).map_err(std::io::Error::other)
}

/// A text as a part of a query.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(byte.into());
        } else {
            write!(out, "%{byte:02X}").expect("a string takes what is written to it");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;

    /// What is made of an answer that is given once.
    fn asked(answer: &'static str) -> std::io::Result<Value> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let served = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            stream.write_all(answer.as_bytes()).unwrap();
            first
        });
        let told = json(address, "/stats");
        assert_eq!(served.join().unwrap(), "GET /stats HTTP/1.0");
        told
    }

    #[test]
    fn an_answer_is_json_with_status_200() {
        let told = asked("HTTP/1.0 200 OK\r\ncontent-length: 7\r\n\r\n{\"a\":1}").unwrap();
        assert_eq!(told["a"], 1);
        let refused = asked("HTTP/1.0 502 Bad Gateway\r\n\r\n{}").unwrap_err().to_string();
        assert!(refused.contains("/stats answers with 502"), "{refused}");
        assert!(asked("HTTP/1.0 200 OK\r\n\r\n{\"a\":").is_err());
    }

    #[test]
    fn a_text_of_a_query_has_no_letter_with_a_meaning_there() {
        assert_eq!(encoded("a b&#ü"), "a%20b%26%23%C3%BC");
    }
}
