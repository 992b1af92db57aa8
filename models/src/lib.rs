//! Kafka, BookKeeper, Pravega and tiered storage as state machines without I/O.
