//! What Kafka's nodes wait for by their timers, and which mechanisms a cluster can be run without.

use super::broker::kind as broker;
use super::config::{ClientLibrary, Cluster};
use super::consumer::kind as consumer;
use super::producer::java;
use super::producer::librdkafka::kind as librdkafka;
use super::reconnect::{ASK_AGAIN, CONNECT, TAGS, THROTTLED, TOO_LONG};
use crate::role::{Capability, Role};
use crate::wait::{Wait, Without};

/// By whom, and by which tag.
pub(super) fn of(cluster: &Cluster, role: &Role, tag: u64) -> Wait {
    let (kind, _) = TAGS.split(tag);
    if role.can(Capability::Serves) {
        return match kind {
            broker::WAIT_OVER => Wait::Poll,
            broker::UNMUTED => Wait::Throttle,
            broker::FETCH_AGAIN | broker::ALTER_AGAIN | broker::PRODUCE_LATE => Wait::Retry,
            broker::COPY
            | broker::EXPIRE
            | broker::ANNOUNCE
            | broker::TIER_LATE
            | broker::REMOTE_WAIT_OVER => Wait::Tier,
            broker::JVM => Wait::Collection,
            _ => Wait::Failover,
        };
    }
    if kind == THROTTLED {
        return Wait::Throttle;
    }
    if !role.can(Capability::Writes) {
        return match kind {
            consumer::LATE | consumer::ASK_LATE | ASK_AGAIN | CONNECT | TOO_LONG => Wait::Retry,
            consumer::LOOK_UP => Wait::Failover,
            _ => Wait::Poll,
        };
    }
    let lingers = match cluster.client {
        ClientLibrary::Java => tag == java::WAKE,
        ClientLibrary::Librdkafka => {
            matches!(kind, librdkafka::DUE | librdkafka::ALARM | librdkafka::SPUN)
        }
    };
    if lingers { Wait::Linger } else { Wait::Retry }
}

/// What it has on, and how to turn it off.
pub(super) fn without(cluster: &Cluster) -> Vec<Without> {
    let mut all = Vec::new();
    if cluster.producer.linger_ms > 0 {
        all.push(Without::new("linger", &[("producer.linger.ms", "0")]));
    }
    if cluster.producer.acks == -1 && cluster.replication_factor > 1 {
        let options = [("producer.acks", "1"), ("producer.enable.idempotence", "false")];
        all.push(Without::new("replication", &options));
    }
    if cluster.topic.flush_messages < i64::MAX as u64 {
        let never = i64::MAX.to_string();
        all.push(Without::new("flush", &[("topic.flush.messages", &never)]));
    }
    if cluster.quota.is_set() {
        let options = [
            ("quota.producer_byte_rate", "0"),
            ("quota.consumer_byte_rate", "0"),
            ("quota.request_percentage", "0"),
        ];
        all.push(Without::new("quotas", &options));
    }
    all.extend(cluster.jvm.without_collections());
    all
}
