import io.pravega.client.ClientConfig;
import io.pravega.client.EventStreamClientFactory;
import io.pravega.client.stream.EventStreamWriter;
import io.pravega.client.stream.EventWriterConfig;
import io.pravega.client.stream.impl.ByteArraySerializer;
import java.net.URI;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.AtomicReference;

/**
 * Writes events to a stream as fast as the client takes them, one after the other and without a
 * routing key, and says in the words of kafka-producer-perf-test how it goes. The latency of an event
 * is from when the client is given it until it is acknowledged.
 *
 * Arguments: controller, scope, stream, number of events, bytes of an event. Exit code 1 if one of
 * them failed.
 */
public final class LoadTest {
    private static final long TELL_MS = 5_000;

    /** Values below this are counted one by one; above, eleven bits of them are told apart. */
    private static final int EXACT = 2048;

    private final AtomicLongArray latencies = new AtomicLongArray(64 * EXACT);
    private final AtomicLong acked = new AtomicLong();
    private final AtomicLong failed = new AtomicLong();
    private final AtomicLong sum = new AtomicLong();
    private final AtomicLong max = new AtomicLong();
    private final AtomicLong maxSinceLine = new AtomicLong();
    private final AtomicReference<Throwable> why = new AtomicReference<>();
    private volatile long last;

    public static void main(String[] arguments) throws Exception {
        URI controller = URI.create(arguments[0]);
        long events = Long.parseLong(arguments[3]);
        byte[] payload = new byte[Integer.parseInt(arguments[4])];
        Random random = new Random(0);
        for (int at = 0; at < payload.length; at++) {
            payload[at] = (byte) ('A' + random.nextInt(26));
        }
        LoadTest test = new LoadTest();
        ClientConfig config = ClientConfig.builder().controllerURI(controller).build();
        try (EventStreamClientFactory factory =
                EventStreamClientFactory.withScope(arguments[1], config);
            EventStreamWriter<byte[]> writer = factory.createEventWriter(arguments[2],
                new ByteArraySerializer(), EventWriterConfig.builder().build())) {
            test.write(writer, payload, events);
        }
        if (test.failed.get() > 0) {
            System.out.println(test.failed + " events failed, the first: Error " + test.why);
            System.exit(1);
        }
        // Whatever threads the client has left.
        System.exit(0);
    }

    private void write(EventStreamWriter<byte[]> writer, byte[] payload, long events)
        throws InterruptedException {
        long began = System.nanoTime();
        last = began;
        Thread teller = new Thread(() -> tell(payload.length), "teller");
        teller.setDaemon(true);
        teller.start();
        for (long number = 0; number < events; number++) {
            long at = System.nanoTime();
            writer.writeEvent(payload).whenComplete((nothing, failure) -> ended(at, failure));
        }
        writer.flush();
        while (acked.get() + failed.get() < events) {
            Thread.sleep(1);
        }
        teller.interrupt();
        teller.join();
        double rate = acked.get() / ((last - began) / 1e9);
        System.out.println(sent(acked.get(), rate, payload.length, sum.get(), max.get())
            + String.format(Locale.ROOT, ", %.3f ms 50th, %.3f ms 95th, %.3f ms 99th, "
                + "%.3f ms 99.9th.", ms(0.5), ms(0.95), ms(0.99), ms(0.999)));
    }

    private void ended(long at, Throwable failure) {
        long now = System.nanoTime();
        if (failure != null) {
            why.compareAndSet(null, failure);
            failed.incrementAndGet();
            return;
        }
        long us = (now - at) / 1000;
        latencies.incrementAndGet(bucket(us));
        sum.addAndGet(us);
        max.accumulateAndGet(us, Math::max);
        maxSinceLine.accumulateAndGet(us, Math::max);
        last = now;
        acked.incrementAndGet();
    }

    private void tell(int bytes) {
        long count = 0;
        long total = 0;
        long at = System.nanoTime();
        while (true) {
            try {
                Thread.sleep(TELL_MS);
            } catch (InterruptedException over) {
                return;
            }
            long now = System.nanoTime();
            long counted = acked.get();
            long summed = sum.get();
            long most = maxSinceLine.getAndSet(0);
            double rate = (counted - count) / ((now - at) / 1e9);
            System.out.println(sent(counted - count, rate, bytes, summed - total, most) + ".");
            count = counted;
            total = summed;
            at = now;
        }
    }

    private static String sent(long events, double rate, int bytes, long sumUs, long maxUs) {
        return String.format(Locale.ROOT,
            "%d records sent, %.1f records/sec (%.2f MB/sec), %.2f ms avg latency, %.2f ms max latency",
            events, rate, rate * bytes / (1024 * 1024), sumUs / 1000.0 / Math.max(1, events),
            maxUs / 1000.0);
    }

    private static int bucket(long us) {
        int shift = Math.max(0, 53 - Long.numberOfLeadingZeros(Math.max(1, us)));
        return shift * (EXACT / 2) + (int) (us >> shift);
    }

    /** The latency that this share of the events was not above, in milliseconds. */
    private double ms(double share) {
        long wanted = (long) Math.ceil(share * acked.get());
        long seen = 0;
        for (int at = 0; at < latencies.length(); at++) {
            seen += latencies.get(at);
            if (seen >= wanted) {
                int shift = Math.max(0, at / (EXACT / 2) - 1);
                return ((long) (at - shift * (EXACT / 2)) << shift) / 1000.0;
            }
        }
        return max.get() / 1000.0;
    }
}
