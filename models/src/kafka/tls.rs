//! TLS of connections: what encryption takes of a core, byte by byte and for each connection.
//!
//! Stands for `SslTransportLayer` of apache/kafka @ 3.9.0 on the JDK's provider, and for librdkafka
//! @ 2.12.1 on OpenSSL. Every byte is encrypted by the thread that sends it and decrypted by the
//! one that takes it: network threads, the Java client's own threads, librdkafka's of brokers,
//! replica fetchers. A fetch response is read into the heap first: there is no `sendfile` for what
//! is encrypted (`SslTransportLayer.transferFrom`), so a broker copies it once more. A connection
//! begins with a handshake of TLS 1.3 (`ssl.protocol`, the default): one round trip more before the
//! first request, and public-key work on both sides. Those that stand when a run begins have had
//! theirs.
//!
//! Parameters: `security.protocol`, `security.inter.broker.protocol`, `costs.tls_kib_ns`,
//! `costs.tls_server_handshake_ns`, `costs.tls_client_handshake_ns`. Left out: resumed sessions,
//! what a record's header and tag weigh (29 bytes of 16 KiB), a thread's own small requests and
//! answers without data, the controllers' connections.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `security.protocol`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum SecurityProtocol {
    /// As it is.
    #[default]
    Plaintext,
    /// TLS.
    Ssl,
}

impl SecurityProtocol {
    /// Connections are encrypted.
    pub const fn encrypts(self) -> bool {
        matches!(self, Self::Ssl)
    }
}

/// Bytes of the client's part of a handshake: a `ClientHello` and its `Finished` (RFC 8446).
pub const HELLO_BYTES: u64 = 400;
/// Bytes of the server's: above all a chain of two certificates of RSA-2048.
pub const HELLO_ANSWER_BYTES: u64 = 3_000;
