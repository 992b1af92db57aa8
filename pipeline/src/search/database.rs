//! The database: tweets as rows of PostgreSQL, each once by its number.

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, Error, NoTls, Statement};

use super::words;
use crate::failure::{Failure, Result};
use crate::record::Record;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(5);
/// Time until rows that nobody has answered for are sent again.
const INSERT: Duration = Duration::from_secs(30);
/// Rows that are read at once where all are.
const CHUNK: i64 = 10_000;

/// The table, in a transaction that others who begin at the same time wait for.
const TABLE: &str = "
BEGIN;
SELECT pg_advisory_xact_lock(1600);
CREATE TABLE IF NOT EXISTS tweets (
    id bigint PRIMARY KEY,
    at bigint NOT NULL,
    author text NOT NULL,
    lang text NOT NULL,
    text text NOT NULL,
    hashtags text[] NOT NULL,
    words text[] NOT NULL,
    batch bigint,
    worked_at bigint
);
COMMIT";

/// What finds rows by their words, where no index of vectors does.
const WORDS: &str = "CREATE INDEX IF NOT EXISTS tweets_words ON tweets USING gin (words)";

const INSERT_ROWS: &str = "
INSERT INTO tweets (id, at, author, lang, text, hashtags, words, batch, worked_at)
SELECT id, at, author, lang, text, string_to_array(hashtags, ' '), string_to_array(words, ' '),
    batch, worked_at
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[],
    $7::text[], $8::bigint[], $9::bigint[])
    AS given (id, at, author, lang, text, hashtags, words, batch, worked_at)
ON CONFLICT (id) DO NOTHING";

const COLUMNS: &str = "id, at, author, lang, text, hashtags, batch, worked_at";

/// A tweet as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// Its number.
    pub id: u64,
    /// Its intended time, in microseconds since 1970.
    pub at: u64,
    /// Who wrote it.
    pub user: String,
    /// The code of its language.
    pub lang: String,
    /// What it says.
    pub text: String,
    /// Its hashtags.
    pub hashtags: Vec<String>,
    /// The micro-batch that it was in.
    pub batch: Option<i64>,
    /// When Spark worked on it.
    pub worked_at: Option<i64>,
}

impl From<Record> for Row {
    fn from(record: Record) -> Self {
        let hashtags = record.tags();
        // The one letter that a text of PostgreSQL has no room for.
        let clean = |text: String| text.replace('\0', "\u{fffd}");
        Self {
            id: record.id,
            at: record.at,
            user: clean(record.user.unwrap_or_default()),
            lang: clean(record.lang.unwrap_or_default()),
            text: clean(record.text),
            // They are sent with blanks between them.
            hashtags: hashtags.into_iter().map(|tag| clean(tag).replace(' ', "_")).collect(),
            batch: record.batch,
            worked_at: record.worked_at,
        }
    }
}

/// Why the database did not answer as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is away, or has no room now: the same may succeed later.
    Passing(String),
    /// It will refuse the same again.
    Lasting(String),
}

impl Trouble {
    /// What it said.
    pub fn why(&self) -> &str {
        let (Self::Passing(why) | Self::Lasting(why)) = self;
        why
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        let said = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        // Classes of PostgreSQL's appendix A: connection, transaction rollback, resources, object
        // not in its state, intervention of an operator, system.
        let passing = ["08", "40", "53", "55", "57", "58"];
        match error.code() {
            Some(code) if !passing.iter().any(|class| code.code().starts_with(class)) => {
                Self::Lasting(said)
            }
            _ => Self::Passing(said),
        }
    }
}

/// A connection, with its statements.
#[derive(Debug)]
struct Connected {
    client: Client,
    insert: Statement,
    by_ids: Statement,
    by_all_words: Statement,
    by_any_word: Statement,
}

/// A place for a connection, which is made when it is needed and made again when it broke.
type Slot = Mutex<Option<Arc<Connected>>>;

/// The database.
#[derive(Debug)]
pub struct Database {
    config: Config,
    place: String,
    writer: Slot,
    readers: Vec<Slot>,
    turn: AtomicUsize,
    patience: Duration,
}

/// What a database is opened with.
#[derive(Clone, Debug)]
pub struct Options {
    /// `postgres://...`.
    pub url: String,
    /// Connections for queries.
    pub connections: usize,
    /// Rows that are there already are gone on with.
    pub keep: bool,
    /// Queries go by words, without an index of vectors.
    pub by_words: bool,
    /// Longest wait for an answer to a query.
    pub patience: Duration,
}

impl Database {
    /// Connects, and makes the table where there is none.
    ///
    /// # Errors
    /// A database that is not there, or a table with rows, unless they are to be kept.
    pub async fn open(options: &Options) -> Result<Self> {
        let config: Config = options.url.parse().map_err(|error| {
            Failure::usage(format!(
                "--database {:?}: {error}; expected such as postgres://user@127.0.0.1:5432/name",
                options.url
            ))
        })?;
        let place = place(&config);
        let failed = |trouble: Trouble| unusable(&place, &trouble);
        let client = connect(&config).await.map_err(failed)?;
        let prepared = async {
            client.batch_execute(TABLE).await?;
            if options.by_words {
                client.batch_execute(WORDS).await?;
            }
            client.query_one("SELECT count(*) FROM tweets", &[]).await
        };
        let rows: i64 = prepared.await.map_err(|error| failed(error.into()))?.get(0);
        if rows > 0 && !options.keep {
            return Err(Failure::usage(format!(
                "--database at {place}: its table tweets has {rows} rows, and an empty one is \
                 expected: take another database, drop the table, or go on with it by --keep"
            )));
        }
        let slots = || Mutex::new(None);
        Ok(Self {
            writer: slots(),
            readers: (0..options.connections.max(1)).map(|_| slots()).collect(),
            turn: AtomicUsize::new(0),
            patience: options.patience,
            place,
            config,
        })
    }

    /// Why it can't be begun with.
    pub fn unusable(&self, trouble: &Trouble) -> Failure {
        unusable(&self.place, trouble)
    }

    /// Where it is, without its password.
    pub fn place(&self) -> &str {
        &self.place
    }

    async fn connected(&self, slot: &Slot) -> std::result::Result<Arc<Connected>, Trouble> {
        let mut slot = slot.lock().await;
        if let Some(connected) = slot.as_ref().filter(|of| !of.client.is_closed()) {
            return Ok(Arc::clone(connected));
        }
        let client = connect(&self.config).await?;
        let select = |rest| format!("SELECT {COLUMNS} FROM tweets WHERE {rest}");
        let latest = "ORDER BY at DESC, id LIMIT $2";
        let connected = Arc::new(Connected {
            insert: client.prepare(INSERT_ROWS).await?,
            by_ids: client.prepare(&select("id = ANY($1)")).await?,
            by_all_words: client.prepare(&select(&format!("words @> $1 {latest}"))).await?,
            by_any_word: client.prepare(&select(&format!("words && $1 {latest}"))).await?,
            client,
        });
        *slot = Some(Arc::clone(&connected));
        Ok(connected)
    }

    /// Stores `rows`; those whose number is there stay as they are. How many are new.
    ///
    /// # Errors
    /// Why it can't be known that all of them are stored; the same may be tried again.
    pub async fn insert(&self, rows: &[Row]) -> std::result::Result<u64, Trouble> {
        let sent = async {
            let connected = self.connected(&self.writer).await?;
            let texts = |of: fn(&Row) -> &str| rows.iter().map(of).collect::<Vec<_>>();
            let numbers = |of: fn(&Row) -> Option<i64>| rows.iter().map(of).collect::<Vec<_>>();
            let joined = |of: fn(&Row) -> String| rows.iter().map(of).collect::<Vec<_>>();
            let (ids, times) = (
                numbers(|row| i64::try_from(row.id).ok()),
                numbers(|row| i64::try_from(row.at).ok()),
            );
            let (users, langs) = (texts(|row| &row.user), texts(|row| &row.lang));
            let (all, tags) = (texts(|row| &row.text), joined(|row| row.hashtags.join(" ")));
            let words = joined(|row| words::different(&row.text).join(" "));
            let (batches, worked) = (numbers(|row| row.batch), numbers(|row| row.worked_at));
            let columns: [&(dyn ToSql + Sync); 9] =
                [&ids, &times, &users, &langs, &all, &tags, &words, &batches, &worked];
            Ok(connected.client.execute(&connected.insert, &columns).await?)
        };
        self.within(INSERT, sent).await
    }

    async fn within<T>(
        &self,
        limit: Duration,
        asked: impl Future<Output = std::result::Result<T, Trouble>>,
    ) -> std::result::Result<T, Trouble> {
        let late = |_| Trouble::Passing(format!("no answer of {} within {limit:?}", self.place));
        timeout(limit, asked).await.map_err(late)?
    }

    async fn reader(&self) -> std::result::Result<Arc<Connected>, Trouble> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.readers.len();
        self.connected(&self.readers[turn]).await
    }

    /// The rows with these numbers, in no order.
    ///
    /// # Errors
    /// Why it did not answer.
    pub async fn by_ids(&self, ids: &[u64]) -> std::result::Result<Vec<Row>, Trouble> {
        let ids: Vec<i64> = ids.iter().filter_map(|id| i64::try_from(*id).ok()).collect();
        let asked = async {
            let connected = self.reader().await?;
            Ok(rows(&connected.client.query(&connected.by_ids, &[&ids]).await?))
        };
        self.within(self.patience, asked).await
    }

    /// The latest rows that have all of these words, and where those are fewer than `most`, the
    /// latest that have one of them.
    ///
    /// # Errors
    /// Why it did not answer.
    pub async fn by_words(
        &self,
        words: &[String],
        most: usize,
    ) -> std::result::Result<Vec<Row>, Trouble> {
        let asked = async {
            let connected = self.reader().await?;
            let (client, limit) = (&connected.client, most as i64);
            let mut found = rows(&client.query(&connected.by_all_words, &[&words, &limit]).await?);
            if found.len() < most && words.len() > 1 {
                let some = rows(&client.query(&connected.by_any_word, &[&words, &limit]).await?);
                found.extend(some);
                found.sort_by_key(|row| row.id);
                found.dedup_by_key(|row| row.id);
            }
            Ok(found)
        };
        self.within(self.patience, asked).await
    }

    /// Up to some thousand tweets after the number `after`, in order: their numbers and texts.
    ///
    /// # Errors
    /// Why it did not answer.
    pub async fn texts(&self, after: i64) -> std::result::Result<Vec<(u64, String)>, Trouble> {
        let asked = async {
            let connected = self.connected(&self.writer).await?;
            let query = "SELECT id, text FROM tweets WHERE id > $1 ORDER BY id LIMIT $2";
            let found = connected.client.query(query, &[&after, &CHUNK]).await?;
            Ok(found.iter().map(|row| (unsigned(row.get(0)), row.get(1))).collect())
        };
        self.within(INSERT, asked).await
    }

    /// What tells this table from one of another database, or of another time.
    ///
    /// # Errors
    /// Why it did not answer.
    pub async fn identity(&self) -> std::result::Result<String, Trouble> {
        let query = "SELECT system_identifier::text || '-' || 'tweets'::regclass::oid::text
                     FROM pg_control_system()";
        let connected = self.connected(&self.writer).await?;
        Ok(connected.client.query_one(query, &[]).await?.get(0))
    }
}

fn unusable(place: &str, trouble: &Trouble) -> Failure {
    Failure::usage(format!("--database at {place}: {}", trouble.why()))
}

async fn connect(config: &Config) -> std::result::Result<Client, Trouble> {
    let late = |_| Trouble::Passing(format!("no connection within {CONNECT:?}"));
    let (client, connection) = timeout(CONNECT, config.connect(NoTls)).await.map_err(late)??;
    // It ends with the client, or with an error that the client's next statement gets as well.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

fn place(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(host)) => host.clone(),
        Some(Host::Unix(folder)) => folder.display().to_string(),
        None => "localhost".into(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    format!("{host}:{port}/{}", config.get_dbname().unwrap_or_default())
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}

fn rows(found: &[tokio_postgres::Row]) -> Vec<Row> {
    let row = |row: &tokio_postgres::Row| Row {
        id: unsigned(row.get(0)),
        at: unsigned(row.get(1)),
        user: row.get(2),
        lang: row.get(3),
        text: row.get(4),
        hashtags: row.get(5),
        batch: row.get(6),
        worked_at: row.get(7),
    };
    found.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_told_without_its_password() {
        let config: Config = "postgres://me:secret@127.0.0.1:5433/tweets".parse().expect("a URL");
        assert_eq!(place(&config), "127.0.0.1:5433/tweets");
    }

    #[test]
    fn a_row_has_nothing_that_postgresql_has_no_room_for() {
        let record =
            br##"{"id":1,"at":2,"text":"a\u0000b","user":null,"hashtags":["#two words"]}"##;
        let row = Row::from(Record::parse(record, 10).expect("a record"));
        assert_eq!((row.text.as_str(), row.user.as_str()), ("a\u{fffd}b", ""));
        assert_eq!(row.hashtags, ["two_words"]);
    }
}
