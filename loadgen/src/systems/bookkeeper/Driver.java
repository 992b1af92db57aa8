import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.TreeMap;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.apache.bookkeeper.client.BKException;
import org.apache.bookkeeper.client.api.BookKeeper;
import org.apache.bookkeeper.client.api.DigestType;
import org.apache.bookkeeper.client.api.LedgerEntries;
import org.apache.bookkeeper.client.api.LedgerEntry;
import org.apache.bookkeeper.client.api.LedgerMetadata;
import org.apache.bookkeeper.client.api.ListLedgersResult;
import org.apache.bookkeeper.client.api.ReadHandle;
import org.apache.bookkeeper.client.api.WriteHandle;
import org.apache.bookkeeper.conf.ClientConfiguration;

/**
 * BookKeeper's Java client, driven over pipes: events with the times at which to send them come in,
 * and what became of them goes out. Times are System.nanoTime, which is the machine's monotonic
 * clock. All numbers are big-endian. One client follows another in the same JVM, so that it stays
 * warm. It ends at once when its input does.
 *
 * A writer has a stream of ledgers, one after the other; each says of whom it is. Events are
 * gathered into entries: an int and so many bytes each. The reader opens a ledger with recovery when
 * there is a later one of its stream, or when the writers are done.
 *
 * In, first:  P for a writer, C for the reader, properties (int, then a key and a value each), the
 *             run's name, streams (int, then each).
 * Writer in:  1, long time, int number, int lane, int length, payload; then 0 after the last, or 2 to
 *             give up what is not acknowledged yet.
 * Writer out: R when its first ledger is there; S, int number, long time before it is added; A, int
 *             number, long time when it is acknowledged; F, int number, long time, string when it
 *             failed; E when it is closed.
 * Reader in:  F read to the present end; then X to stop, or when it has ended.
 * Reader out: R; D, int stream, long position, long time, int length, payload; E at the end, X when
 *             it was stopped before.
 */
public final class Driver {
    /** Events that wait to be sent at the most. */
    private static final int WAITING = 1 << 16;

    /** How often what was written is handed on. */
    private static final long FLUSH_MS = 5;

    /** Time between looks at the ledgers that there are, and before another try at one. */
    private static final long LOOK_MS = 500;

    /** Entries that are read at a time. */
    private static final long WINDOW = 64;

    private static final String RUN = "run";
    private static final String STREAM = "stream";
    private static final String PLACE = "place";

    private static final byte[] PASSWORD = "headwater".getBytes(StandardCharsets.UTF_8);

    private final DataInputStream in =
        new DataInputStream(new BufferedInputStream(System.in, 1 << 16));
    private final DataOutputStream out =
        new DataOutputStream(new BufferedOutputStream(System.out, 1 << 16));
    /** What the client is told; the writer's own options begin with "headwater.". */
    private Properties properties;
    private List<Integer> streams;
    private String run;

    private record Event(long at, int number, byte[] payload) {
    }

    /** After the last event. */
    private static final Event END = new Event(0, 0, null);

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
        // Whatever else the client runs: what was asked for is done.
        System.exit(0);
    }

    private void readHead() throws IOException {
        properties = new Properties();
        for (int left = in.readInt(); left > 0; left--) {
            String key = in.readUTF();
            properties.put(key, in.readUTF());
        }
        run = in.readUTF();
        streams = new ArrayList<>();
        for (int left = in.readInt(); left > 0; left--) {
            streams.add(in.readInt());
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

    private long own(String option) {
        return Long.parseLong(properties.getProperty("headwater." + option));
    }

    private BookKeeper connect() throws Exception {
        ClientConfiguration configuration = new ClientConfiguration();
        for (String name : properties.stringPropertyNames()) {
            if (!name.startsWith("headwater.")) {
                configuration.setProperty(name, properties.getProperty(name));
            }
        }
        return BookKeeper.newBuilder(configuration).build();
    }

    /** Whether the writer is to give up what is not acknowledged. */
    private volatile boolean abandoned;

    private void produce() throws Exception {
        abandoned = false;
        BlockingQueue<Event> events = new ArrayBlockingQueue<>(WAITING);
        try (BookKeeper client = connect()) {
            Writer writer = new Writer(client);
            writer.begin();
            say('R');
            Thread reading = daemon("events", () -> readEvents(events));
            writer.run(events);
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
                // Its lane is the stream.
                in.readInt();
                byte[] payload = new byte[in.readInt()];
                in.readFully(payload);
                events.put(new Event(at, number, payload));
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

    /** Writes one stream. */
    private final class Writer {
        private final BookKeeper client;
        private final int stream = streams.get(0);
        private final int outstandingMax = (int) own("outstanding.entries.max");
        private final Semaphore outstanding = new Semaphore(outstandingMax);
        private final ByteArrayOutputStream entry = new ByteArrayOutputStream();
        private List<Integer> numbers = new ArrayList<>();
        private WriteHandle ledger;
        private int ledgers;
        private long written;
        /** One that takes no more. */
        private volatile WriteHandle broken;

        Writer(BookKeeper client) {
            this.client = client;
        }

        /** Makes a ledger; there is none if that is given up. */
        void begin() throws Exception {
            while (ledger == null && !abandoned) {
                try {
                    ledger = client.newCreateLedgerOp()
                        .withEnsembleSize((int) own("ensemble.size"))
                        .withWriteQuorumSize((int) own("write.quorum.size"))
                        .withAckQuorumSize((int) own("ack.quorum.size"))
                        .withDigestType(DigestType.CRC32C)
                        .withPassword(PASSWORD)
                        .withCustomMetadata(Map.of(
                            RUN, run.getBytes(StandardCharsets.UTF_8),
                            STREAM, ByteBuffer.allocate(4).putInt(stream).array(),
                            PLACE, ByteBuffer.allocate(4).putInt(ledgers).array()))
                        .execute().get();
                    ledgers++;
                    written = 0;
                } catch (ExecutionException failure) {
                    System.err.println("no ledger: " + failure.getCause());
                    Thread.sleep(Math.max(1, own("retry.ms")));
                }
            }
        }

        void run(BlockingQueue<Event> events) throws Exception {
            long linger = own("linger.ms") * 1_000_000;
            long eventsMax = own("entry.events.max");
            long bytesMax = own("entry.bytes.max");
            long due = 0;
            Event event = null;
            while (true) {
                if (event == null && numbers.isEmpty()) {
                    event = events.take();
                } else if (event == null) {
                    event = events.poll(Math.max(0, due - System.nanoTime()), TimeUnit.NANOSECONDS);
                }
                if (event == END) {
                    add();
                    break;
                }
                boolean waits = !numbers.isEmpty();
                if (waits && (event == null || event.at() > due
                    || entry.size() + event.payload().length + 4 > bytesMax)) {
                    if (event == null || event.at() > due) {
                        park(due);
                    }
                    add();
                    continue;
                }
                park(event.at());
                if (numbers.isEmpty()) {
                    due = System.nanoTime() + linger;
                }
                gather(event);
                event = null;
                if (numbers.size() >= eventsMax) {
                    add();
                }
            }
            if (!abandoned) {
                outstanding.acquire(outstandingMax);
                close(ledger);
            }
        }

        private void park(long until) {
            for (long left = until - System.nanoTime(); left > 0;
                left = until - System.nanoTime()) {
                LockSupport.parkNanos(left);
            }
        }

        private void gather(Event event) throws IOException {
            synchronized (out) {
                out.writeByte('S');
                out.writeInt(event.number());
                out.writeLong(System.nanoTime());
            }
            entry.writeBytes(ByteBuffer.allocate(4).putInt(event.payload().length).array());
            entry.writeBytes(event.payload());
            numbers.add(event.number());
        }

        /** Adds the entry that was gathered. */
        private void add() throws Exception {
            if (numbers.isEmpty() || abandoned) {
                return;
            }
            outstanding.acquire();
            if (ledger != null && written >= own("ledger.bytes.max")) {
                outstanding.acquire(outstandingMax - 1);
                close(ledger);
                ledger = null;
                outstanding.release(outstandingMax - 1);
            }
            if (ledger != null && ledger == broken) {
                close(ledger);
                ledger = null;
            }
            begin();
            if (ledger == null) {
                return;
            }
            byte[] bytes = entry.toByteArray();
            List<Integer> settled = numbers;
            WriteHandle to = ledger;
            entry.reset();
            numbers = new ArrayList<>();
            written += bytes.length;
            to.appendAsync(bytes).whenComplete((id, failure) -> {
                if (failure != null) {
                    broken = to;
                }
                settled.forEach(number -> settled(number, failure));
                outstanding.release();
            });
        }

        /** Whoever comes next has it closed if this can't. */
        private void close(WriteHandle handle) throws InterruptedException {
            try {
                if (handle != null) {
                    handle.close();
                }
            } catch (org.apache.bookkeeper.client.api.BKException failure) {
                System.err.println("ledger " + handle.getId() + " was not closed: " + failure);
            }
        }
    }

    private void settled(int number, Throwable failure) {
        long now = System.nanoTime();
        Throwable why = failure instanceof CompletionException ? failure.getCause() : failure;
        try {
            synchronized (out) {
                out.writeByte(failure == null ? 'A' : 'F');
                out.writeInt(number);
                out.writeLong(now);
                if (failure != null) {
                    out.writeUTF(why.getClass().getSimpleName());
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
        finish = false;
        stop = false;
        Thread commands;
        boolean ended = false;
        try (BookKeeper client = connect()) {
            say('R');
            commands = daemon("commands", this::readCommands);
            Map<Integer, Tail> tails = new TreeMap<>();
            streams.forEach(stream -> tails.put(stream, new Tail(stream)));
            while (!stop && !ended) {
                // What is there when the writers are done is all that there is.
                boolean all = finish;
                Map<Integer, TreeMap<Integer, Long>> ledgers = ledgers(client);
                ended = all && ledgers != null;
                for (Tail tail : tails.values()) {
                    TreeMap<Integer, Long> of =
                        ledgers == null ? null : ledgers.get(tail.stream);
                    ended &= of == null || tail.read(client, of, all);
                }
                if (!ended && !finish) {
                    Thread.sleep(LOOK_MS);
                }
            }
        }
        say(ended ? 'E' : 'X');
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

    /** The ledgers of this run by stream and place, if they can be listed now. */
    private Map<Integer, TreeMap<Integer, Long>> ledgers(BookKeeper client) throws Exception {
        Map<Integer, TreeMap<Integer, Long>> found = new TreeMap<>();
        try (ListLedgersResult all = client.newListLedgersOp().execute().get()) {
            for (long id : all.toIterable()) {
                LedgerMetadata metadata = client.getLedgerMetadata(id).get();
                Map<String, byte[]> of = metadata.getCustomMetadata();
                byte[] name = of.get(RUN);
                if (name != null && run.equals(new String(name, StandardCharsets.UTF_8))) {
                    int stream = ByteBuffer.wrap(of.get(STREAM)).getInt();
                    int place = ByteBuffer.wrap(of.get(PLACE)).getInt();
                    found.computeIfAbsent(stream, any -> new TreeMap<>()).put(place, id);
                }
            }
            return found;
        } catch (ExecutionException failure) {
            System.err.println("can't list ledgers: " + failure.getCause());
            Thread.sleep(LOOK_MS);
            return null;
        }
    }

    /** How far a stream was read. */
    private final class Tail {
        private final int stream;
        private int place;
        /** The next entry of the ledger at this place. */
        private long next;
        /** Events so far. */
        private long position;

        Tail(int stream) {
            this.stream = stream;
        }

        /** Reads what can't be written any more; whether that is all, if `all` can't be. */
        boolean read(BookKeeper client, TreeMap<Integer, Long> ledgers, boolean all)
            throws Exception {
            while (!stop && ledgers.containsKey(place)
                && (all || ledgers.lastKey() > place)) {
                try {
                    readLedger(client, ledgers.get(place));
                } catch (ExecutionException failure) {
                    System.err.println("can't read " + ledgers.get(place) + " now: "
                        + failure.getCause());
                    Thread.sleep(LOOK_MS);
                    return false;
                }
                place++;
                next = 0;
            }
            return !ledgers.containsKey(place);
        }

        private void readLedger(BookKeeper client, long id) throws Exception {
            try (ReadHandle ledger = client.newOpenLedgerOp()
                .withLedgerId(id).withPassword(PASSWORD).withDigestType(DigestType.CRC32C)
                .withRecovery(true).execute().get()) {
                long last = ledger.getLastAddConfirmed();
                while (!stop && next <= last) {
                    readEntries(ledger, Math.min(last, next + WINDOW - 1));
                }
            }
        }

        private void readEntries(ReadHandle ledger, long to) throws Exception {
            try (LedgerEntries entries = ledger.readAsync(next, to).get()) {
                for (LedgerEntry entry : entries) {
                    deliver(ByteBuffer.wrap(entry.getEntryBytes()));
                    next = entry.getEntryId() + 1;
                }
            } catch (ExecutionException failure) {
                if (!(failure.getCause() instanceof BKException.BKNoSuchEntryException)) {
                    throw failure;
                }
                if (to > next) {
                    readEntries(ledger, next);
                    return;
                }
                System.err.println("nobody has entry " + next + " of ledger " + ledger.getId());
                next++;
            }
        }

        private void deliver(ByteBuffer events) throws IOException {
            long now = System.nanoTime();
            while (events.hasRemaining()) {
                byte[] payload = new byte[events.getInt()];
                events.get(payload);
                synchronized (out) {
                    out.writeByte('D');
                    out.writeInt(stream);
                    out.writeLong(position++);
                    out.writeLong(now);
                    out.writeInt(payload.length);
                    out.write(payload);
                }
            }
        }
    }
}
