import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Kafka's Java clients, driven over pipes: events with the times at which to send them come in, and
 * what became of them goes out. Times are System.nanoTime, which is the machine's monotonic clock.
 * All numbers are big-endian. One client follows another in the same JVM, so that it stays warm. It
 * ends at once when its input does.
 *
 * In, first:  P for a producer, C for a consumer, properties (int, then a key and a value each),
 *             topic, partitions (int, then each).
 * Producer in:  1, long time, int number, int partition, int length, payload; then 0 after the
 *               last, or 2 to give up what is not acknowledged yet.
 * Producer out: R when it is connected; S, int number, long time before it is sent; A, int number,
 *               long time when it is acknowledged; F, int number, long time, string when it failed;
 *               E when it is closed.
 * Consumer in:  F read to the present end; then X to stop, or when it has ended.
 * Consumer out: R; D, int partition, long offset, long time, int length, payload; E at the end, X
 *               when it was stopped before.
 */
public final class Driver {
    /** Events that wait to be sent at the most. */
    private static final int WAITING = 1 << 16;

    /** How often what was written is handed on. */
    private static final long FLUSH_MS = 5;

    private final DataInputStream in =
        new DataInputStream(new BufferedInputStream(System.in, 1 << 16));
    private final DataOutputStream out =
        new DataOutputStream(new BufferedOutputStream(System.out, 1 << 16));
    private Properties properties;
    private List<Integer> partitions;
    private String topic;

    private record Event(long at, int number, int partition, byte[] payload) {
    }

    /** After the last event. */
    private static final Event END = new Event(0, 0, 0, null);

    public static void main(String[] arguments) throws Exception {
        Driver driver = new Driver();
        daemon("flush", () -> {
            while (true) {
                Thread.sleep(FLUSH_MS);
                driver.flush();
            }
        });
        for (int role = driver.in.read(); role >= 0; role = driver.in.read()) {
            driver.readHead();
            if (role == 'P') {
                driver.produce();
            } else {
                driver.consume();
            }
        }
        // Whatever else the clients run: what was asked for is done.
        System.exit(0);
    }

    private void readHead() throws IOException {
        properties = new Properties();
        for (int left = in.readInt(); left > 0; left--) {
            String key = in.readUTF();
            properties.put(key, in.readUTF());
        }
        topic = in.readUTF();
        partitions = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            partitions.add(in.readInt());
        }
    }

    private interface Work {
        void run() throws Exception;
    }

    private static Thread daemon(String name, Work work) {
        Thread thread = new Thread(() -> {
            try {
                work.run();
            } catch (Exception failure) {
                System.err.println(name + ": " + failure);
                System.exit(1);
            }
        }, name);
        thread.setDaemon(true);
        thread.start();
        return thread;
    }

    private void flush() throws IOException {
        synchronized (out) {
            out.flush();
        }
    }

    private void say(char what) throws IOException {
        synchronized (out) {
            out.writeByte(what);
            out.flush();
        }
    }

    /** Whether the producer is to give up what is not acknowledged. */
    private volatile boolean abandoned;

    private void produce() throws Exception {
        properties.put("key.serializer", ByteArraySerializer.class.getName());
        properties.put("value.serializer", ByteArraySerializer.class.getName());
        abandoned = false;
        BlockingQueue<Event> events = new ArrayBlockingQueue<>(WAITING);
        try (KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(properties)) {
            // Leaders are known before the first event is due.
            producer.partitionsFor(topic);
            say('R');
            Thread reading = daemon("events", () -> readEvents(events));
            for (Event event = events.take(); event != END; event = events.take()) {
                long left = event.at() - System.nanoTime();
                while (left > 0) {
                    LockSupport.parkNanos(left);
                    left = event.at() - System.nanoTime();
                }
                send(producer, event);
            }
            if (abandoned) {
                producer.close(Duration.ZERO);
            } else {
                producer.flush();
            }
            reading.join();
        }
        say('E');
    }

    private void readEvents(BlockingQueue<Event> events) throws Exception {
        try {
            int what = in.readByte();
            for (; what == 1; what = in.readByte()) {
                long at = in.readLong();
                int number = in.readInt();
                int partition = in.readInt();
                byte[] payload = new byte[in.readInt()];
                in.readFully(payload);
                events.put(new Event(at, number, partition, payload));
            }
            if (what == 2) {
                abandoned = true;
                events.clear();
            }
        } catch (EOFException gone) {
            // Who wrote has ended without a word.
            Runtime.getRuntime().halt(1);
        }
        events.put(END);
    }

    private void send(KafkaProducer<byte[], byte[]> producer, Event event) throws IOException {
        int number = event.number();
        synchronized (out) {
            out.writeByte('S');
            out.writeInt(number);
            out.writeLong(System.nanoTime());
        }
        ProducerRecord<byte[], byte[]> record =
            new ProducerRecord<>(topic, event.partition(), null, event.payload());
        try {
            producer.send(record, (metadata, failure) -> settled(number, failure));
        } catch (RuntimeException failure) {
            settled(number, failure);
        }
    }

    private void settled(int number, Exception failure) {
        long now = System.nanoTime();
        try {
            synchronized (out) {
                out.writeByte(failure == null ? 'A' : 'F');
                out.writeInt(number);
                out.writeLong(now);
                if (failure != null) {
                    out.writeUTF(failure.getClass().getSimpleName());
                }
            }
        } catch (IOException gone) {
            // Nobody reads any more.
            Runtime.getRuntime().halt(1);
        }
    }

    /** Whether to read to the present end and stop. */
    private volatile boolean finish;

    /** Whether to stop at once. */
    private volatile boolean stop;

    private void consume() throws Exception {
        properties.put("key.deserializer", ByteArrayDeserializer.class.getName());
        properties.put("value.deserializer", ByteArrayDeserializer.class.getName());
        finish = false;
        stop = false;
        Map<TopicPartition, Long> ends = null;
        Map<TopicPartition, Long> next = new HashMap<>();
        Thread commands;
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties)) {
            List<TopicPartition> all = new ArrayList<>();
            for (int partition : partitions) {
                all.add(new TopicPartition(topic, partition));
            }
            consumer.assign(all);
            consumer.seekToBeginning(all);
            say('R');
            commands = daemon("commands", this::readCommands);
            while (!stop && (ends == null || !reached(ends, next))) {
                if (finish && ends == null) {
                    ends = endsOf(consumer, all);
                }
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    deliver(record);
                    next.put(new TopicPartition(topic, record.partition()), record.offset() + 1);
                }
            }
        }
        say(ends != null && reached(ends, next) ? 'E' : 'X');
        commands.join();
    }

    private void readCommands() throws IOException {
        int command = in.read();
        if (command == 'F') {
            finish = true;
            command = in.read();
        }
        if (command < 0) {
            // Who wrote has ended without a word.
            Runtime.getRuntime().halt(1);
        }
        stop = true;
    }

    /** The ends, if they can be had now. */
    private static Map<TopicPartition, Long> endsOf(
        KafkaConsumer<byte[], byte[]> consumer, List<TopicPartition> all) {
        try {
            return consumer.endOffsets(all, Duration.ofSeconds(5));
        } catch (RuntimeException failure) {
            return null;
        }
    }

    private static boolean reached(
        Map<TopicPartition, Long> ends, Map<TopicPartition, Long> next) {
        return ends.entrySet().stream()
            .allMatch(end -> next.getOrDefault(end.getKey(), 0L) >= end.getValue());
    }

    private void deliver(ConsumerRecord<byte[], byte[]> record) throws IOException {
        long now = System.nanoTime();
        byte[] payload = record.value();
        synchronized (out) {
            out.writeByte('D');
            out.writeInt(record.partition());
            out.writeLong(record.offset());
            out.writeLong(now);
            out.writeInt(payload.length);
            out.write(payload);
        }
    }
}
