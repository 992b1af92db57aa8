import java.io.IOException;
import java.io.Reader;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.apache.spark.TaskContext;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF0;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.functions;
import org.apache.spark.sql.streaming.DataStreamReader;
import org.apache.spark.sql.streaming.DataStreamWriter;
import org.apache.spark.sql.streaming.StreamingQuery;
import org.apache.spark.sql.streaming.StreamingQueryListener;
import org.apache.spark.sql.streaming.Trigger;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * The engine of a pipeline: tweets come from one topic and go to another, in micro-batches.
 *
 * <p>Its only argument is a folder. In it `job.properties` has what the session is made with, by
 * Spark's own names; each `N.properties` is a query, and that of the highest number runs: one that
 * warms the process up is followed by the one that counts, in the same process. What the queries
 * tell goes to `progress.jsonl`, an object a line: that a query is ready, the
 * `StreamingQueryProgress` of each batch, and which batch of an earlier life is made once more: a
 * process that is killed and started again goes on with the query that it finds, from its
 * checkpoint.
 *
 * <p>A query's times are counted from the epoch of its run, which is written beside it
 * (`N.epoch`, microseconds since 1970) before anything is sent.
 */
public final class Job {
    /** How often it is looked for a new query, and whether the one that runs is ready. */
    private static final long LOOK_MS = 50;

    /** The epoch of each query's run, by its file. */
    private static final Map<String, Long> EPOCHS = new ConcurrentHashMap<>();

    private final Path home;
    private final SparkSession spark;

    private Job(Path home) throws IOException {
        this.home = home;
        SparkSession.Builder builder = SparkSession.builder();
        Properties options = read(home.resolve("job.properties"));
        options.stringPropertyNames()
                .forEach(name -> builder.config(name, options.getProperty(name)));
        spark = builder.getOrCreate();
        spark.streams().addListener(new Teller());
    }

    public static void main(String[] arguments) throws Exception {
        new Job(Path.of(arguments[0])).run();
    }

    private void run() throws Exception {
        int number = 0;
        boolean ready = false;
        StreamingQuery query = null;
        while (true) {
            int latest = highest(home, ".properties");
            if (latest > number) {
                if (query != null) {
                    query.stop();
                }
                number = latest;
                ready = false;
                query = start(number);
            }
            if (query != null && query.exception().isDefined()) {
                System.err.println("the query ended: " + query.exception().get().getMessage());
                System.exit(1);
            }
            // It waits for data, or for its trigger: its plan is made, and its source is there.
            if (query != null && !ready && query.status().message().startsWith("Waiting")) {
                ready = true;
                tell("ready", number, "");
            }
            Thread.sleep(LOOK_MS);
        }
    }

    /** The highest number that a file of a folder is named by, before such an ending; or -1. */
    private static int highest(Path folder, String ending) throws IOException {
        if (!Files.isDirectory(folder)) {
            return -1;
        }
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString())
                    .filter(name -> name.endsWith(ending))
                    .map(name -> name.substring(0, name.length() - ending.length()))
                    .filter(name -> name.matches("[0-9]+"))
                    .mapToInt(Integer::parseInt)
                    .max()
                    .orElse(-1);
        }
    }

    private StreamingQuery start(int number) throws Exception {
        Properties options = read(home.resolve(number + ".properties"));
        Path checkpoint = Path.of(options.getProperty("sink.checkpointLocation"));
        int begun = highest(checkpoint.resolve("offsets"), "");
        if (begun > highest(checkpoint.resolve("commits"), "")) {
            tell("repeats", number, ",\"batch\":" + begun);
        }
        DataStreamReader reader = spark.readStream().format("kafka");
        below(options, "source.", reader::option);
        Dataset<Row> rows = worked(reader.load(), options, home.resolve(number + ".epoch"));
        DataStreamWriter<Row> writer =
                rows.writeStream().format("kafka").queryName("query-" + number);
        below(options, "sink.", writer::option);
        long trigger = Long.parseLong(options.getProperty("trigger.ms"));
        return writer.trigger(Trigger.ProcessingTime(trigger)).start();
    }

    /** What is made of tweets. Those that are none are counted, and left out. */
    private static Dataset<Row> worked(Dataset<Row> source, Properties options, Path epoch) {
        Column tweet = functions.from_json(source.col("value").cast("string"), tweet());
        Column none = functions.array().cast("array<string>");
        UDF1<Long, Long> dated = dated(epoch.toString());
        UDF0<Long> batch = Job::batch;
        UDF0<Long> now = () -> System.currentTimeMillis() * 1_000;
        Dataset<Row> rows = source.select(tweet.as("t"))
                .select(
                        stamp("index").as("id"),
                        stamp("at_ns").as("at_ns"),
                        functions.col("t.user.screen_name").as("user"),
                        functions.col("t.lang").as("lang"),
                        functions.col("t.text").as("text"),
                        functions.coalesce(functions.col("t.entities.hashtags.text"), none)
                                .as("hashtags"))
                .observe(
                        "tweets",
                        functions.count(functions.lit(1)).as("rows"),
                        functions.count(functions.col("id")).as("parsed"))
                .filter("id is not null");
        if (options.getProperty("query").equals("deduplicate")) {
            rows = rows.dropDuplicates("id");
        }
        Column record = functions.struct(
                functions.col("id"),
                functions.udf(dated, DataTypes.LongType).apply(functions.col("at_ns")).as("at"),
                functions.col("user"),
                functions.col("lang"),
                functions.col("text"),
                functions.col("hashtags"),
                each(batch).as("batch"),
                each(now).as("worked_at"));
        return rows.select(functions.col("user").as("key"), functions.to_json(record).as("value"));
    }

    /** What is asked for each row anew. */
    private static Column each(UDF0<Long> asked) {
        return functions.udf(asked, DataTypes.LongType).asNondeterministic().apply();
    }

    /** A field of the stamp that a tweet is checked by. */
    private static Column stamp(String field) {
        return functions.coalesce(
                functions.col("t.headwater." + field), functions.col("t." + field));
    }

    /** What of a tweet is read: its stamp stands in a field of its own, or in front. */
    private static StructType tweet() {
        StructType stamp =
                new StructType().add("index", DataTypes.LongType).add("at_ns", DataTypes.LongType);
        StructType hashtag = new StructType().add("text", DataTypes.StringType);
        return new StructType()
                .add("headwater", stamp)
                .add("index", DataTypes.LongType)
                .add("at_ns", DataTypes.LongType)
                .add("lang", DataTypes.StringType)
                .add("text", DataTypes.StringType)
                .add("user", new StructType().add("screen_name", DataTypes.StringType))
                .add("entities",
                        new StructType().add("hashtags", DataTypes.createArrayType(hashtag)));
    }

    /** From the time of a run to that of the day. */
    private static UDF1<Long, Long> dated(String epoch) {
        return atNs ->
                atNs == null ? null : EPOCHS.computeIfAbsent(epoch, Job::epoch) + atNs / 1_000;
    }

    private static long epoch(String file) {
        try {
            return Long.parseLong(Files.readString(Path.of(file)).trim());
        } catch (IOException error) {
            throw new IllegalStateException("no epoch of the run in " + file, error);
        }
    }

    /** The batch that the task at hand is of. */
    private static long batch() {
        return Long.parseLong(TaskContext.get().getLocalProperty("streaming.sql.batchId"));
    }

    /** Hands on the options whose names begin so, without that. */
    private static void below(Properties options, String prefix, Option set) {
        options.stringPropertyNames().stream()
                .filter(name -> name.startsWith(prefix))
                .forEach(name ->
                        set.set(name.substring(prefix.length()), options.getProperty(name)));
    }

    /** The number of a query, by its name. */
    private static int number(String name) {
        return Integer.parseInt(name.substring(name.indexOf('-') + 1));
    }

    private interface Option {
        Object set(String name, String value);
    }

    private static Properties read(Path file) throws IOException {
        Properties properties = new Properties();
        try (Reader reader = Files.newBufferedReader(file)) {
            properties.load(reader);
        }
        return properties;
    }

    private synchronized void tell(String event, int query, String rest) {
        Path file = home.resolve("progress.jsonl");
        try (Writer writer = Files.newBufferedWriter(
                file, StandardOpenOption.CREATE, StandardOpenOption.APPEND)) {
            writer.write("{\"event\":\"" + event + "\",\"query\":" + query + rest + "}\n");
        } catch (IOException error) {
            System.err.println("can't write " + file + ": " + error.getMessage());
            System.exit(1);
        }
    }

    /** Tells of each batch. */
    private final class Teller extends StreamingQueryListener {
        @Override
        public void onQueryStarted(QueryStartedEvent event) {}

        @Override
        public void onQueryProgress(QueryProgressEvent event) {
            String progress = event.progress().json();
            tell("progress", number(event.progress().name()), ",\"progress\":" + progress);
        }

        @Override
        public void onQueryTerminated(QueryTerminatedEvent event) {}
    }
}
