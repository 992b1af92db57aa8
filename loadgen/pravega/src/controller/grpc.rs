//! One call of gRPC after another over HTTP/2.
//!
//! Stands for the protocol of `grpc/doc/PROTOCOL-HTTP2.md`: a POST to `/service/method`, the
//! message behind a flag and its length, the status in the trailers. Left out: compression, streams
//! of messages, TLS, which the controller of a cluster under test does not ask for.

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use prost::Message;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::error::Error;

/// Bytes of an answer at the most (`DEFAULT_MAX_MESSAGE_SIZE` of gRPC).
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Of a message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// Calls to one server, over one connection, which is made anew when it is broken.
#[derive(Debug)]
pub(super) struct Channel {
    /// `host:port`.
    address: String,
    /// How long a call may take, with connecting.
    patience: Duration,
    connection: Mutex<Option<SendRequest<Bytes>>>,
}

impl Channel {
    pub(super) fn new(address: &str, patience: Duration) -> Self {
        Self { address: address.to_owned(), patience, connection: Mutex::new(None) }
    }

    /// Where the server is.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Calls a method, and waits for the answer.
    pub(super) async fn call<Q: Message, A: Message + Default>(
        &self,
        path: &str,
        request: &Q,
    ) -> Result<A, Error> {
        match timeout(self.patience, self.call_in_time(path, request)).await {
            Ok(answer) => answer,
            Err(_) => {
                *self.connection.lock().await = None;
                let seconds = self.patience.as_secs_f64();
                Err(self.broken(&format!("no answer within {seconds:.1} s")))
            }
        }
    }

    fn broken(&self, why: &str) -> Error {
        Error::Connection(format!("controller {}: {why}", self.address))
    }

    async fn call_in_time<Q: Message, A: Message + Default>(
        &self,
        path: &str,
        request: &Q,
    ) -> Result<A, Error> {
        let sender = self.sender().await?;
        let answered = self.exchange(sender, path, request).await;
        if answered.as_ref().is_err_and(Error::may_pass) {
            *self.connection.lock().await = None;
        }
        answered
    }

    /// The connection; a new one, if there is none.
    async fn sender(&self) -> Result<SendRequest<Bytes>, Error> {
        let mut connection = self.connection.lock().await;
        if let Some(sender) = &*connection {
            return Ok(sender.clone());
        }
        let stream = TcpStream::connect(&self.address).await;
        let stream = stream.map_err(|error| self.broken(&format!("can't connect: {error}")))?;
        let made = h2::client::handshake(stream).await;
        let (sender, driver) = made.map_err(|error| self.broken(&error.to_string()))?;
        tokio::spawn(async move {
            // What breaks it, the calls that wait for it are told.
            let _ = driver.await;
        });
        *connection = Some(sender.clone());
        Ok(sender)
    }

    async fn exchange<Q: Message, A: Message + Default>(
        &self,
        sender: SendRequest<Bytes>,
        path: &str,
        request: &Q,
    ) -> Result<A, Error> {
        let broken = |error: h2::Error| self.broken(&error.to_string());
        let head = Request::post(format!("http://{}{path}", self.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())
            .map_err(|error| Error::Refused(format!("{}: {error}", self.address)))?;
        let mut sender = sender.ready().await.map_err(broken)?;
        let (answer, mut body) = sender.send_request(head, false).map_err(broken)?;
        body.send_data(framed(request), true).map_err(broken)?;
        let answer = answer.await.map_err(broken)?;
        if !answer.status().is_success() {
            return Err(self.broken(&format!("it answers with HTTP {}", answer.status())));
        }
        // An answer without a message has its status at once.
        self.check_status(answer.headers())?;
        let mut body = answer.into_body();
        let mut received = BytesMut::new();
        while let Some(data) = body.data().await {
            let data = data.map_err(broken)?;
            if received.len() + data.len() > ANSWER_BYTES_MAX {
                return Err(self.broken("an answer of more than 4 MiB"));
            }
            received.put_slice(&data);
            body.flow_control().release_capacity(data.len()).map_err(broken)?;
        }
        if let Some(trailers) = body.trailers().await.map_err(broken)? {
            self.check_status(&trailers)?;
        }
        unframed(&received).ok_or_else(|| self.broken("an answer that is no message of gRPC"))
    }

    /// The status that stands there, if one does, is good (`grpc/doc/statuscodes.md`).
    fn check_status(&self, headers: &HeaderMap) -> Result<(), Error> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let Some(status) = text("grpc-status").filter(|status| *status != "0") else {
            return Ok(());
        };
        let why = text("grpc-message").unwrap_or("no reason is given");
        let why = format!("gRPC status {status}: {why}");
        match status {
            // Invalid argument, permission denied, unimplemented, unauthenticated: for good.
            "3" | "7" | "12" | "16" => {
                Err(Error::Refused(format!("controller {}: {why}", self.address)))
            }
            _ => Err(self.broken(&why)),
        }
    }
}

/// A message behind its flag and its length.
pub(super) fn framed(message: &impl Message) -> Bytes {
    let length = message.encoded_len();
    let mut out = BytesMut::with_capacity(PREFIX_BYTES + length);
    out.put_u8(0);
    out.put_u32(length as u32);
    out.put_slice(&message.encode_to_vec());
    out.freeze()
}

/// The message in it, if it is one, not compressed.
fn unframed<A: Message + Default>(mut received: &[u8]) -> Option<A> {
    if received.len() < PREFIX_BYTES || received.get_u8() != 0 {
        return None;
    }
    let length = received.get_u32() as usize;
    A::decode(received.get(..length)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::proto::{NodeUri, StreamInfo};

    #[test]
    fn a_message_is_read_as_it_was_written_and_never_beyond_its_end() {
        let node = NodeUri { endpoint: "127.0.0.1".into(), port: 12_345 };
        let bytes = framed(&node);
        assert_eq!(unframed::<NodeUri>(&bytes), Some(node));
        for cut in 0..bytes.len() {
            assert_eq!(unframed::<NodeUri>(&bytes[..cut]), None, "{cut} bytes");
        }
        assert_eq!(unframed::<StreamInfo>(&[1, 0, 0, 0, 0]), None, "compressed");
        assert_eq!(unframed::<StreamInfo>(&[0, 255, 255, 255, 255]), None, "too long");
    }
}
