use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mlops_data::calendar::Day;
use redis::{Client, Connection, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};

use super::rows::{by_entity, check_rows};
use super::{OnlineError, OnlineResult, OnlineStore, Span, Stored, StoredRef, Visit};

/// One atomic step in the server. It is sent whole each time: the server keeps it
/// compiled, and there is no second round trip after the server was started anew.
const PUSH: &str = include_str!("push.lua");
/// Rows in one step: few enough that no reader waits long.
const STEP: usize = 1000;
/// A span of more days than this is read by taking all there are.
const LONG_SPAN: i64 = 64;
/// Bytes of the created time in front of a stored value.
const CREATED: usize = 8;
/// How long to wait for a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// How long to wait for an answer.
const ANSWER: Duration = Duration::from_secs(5);

/// The online store in a Redis server, for any number of processes.
///
/// Of each view and entity there is one hash, `PREFIX:VIEW:ENTITY`, from day (days
/// since 1970-01-01) to created time and values. A push is one script, so no other
/// client sees or writes anything in between. One server, not a cluster.
pub struct RedisStore {
    client: Client,
    /// Connections that nobody uses at the moment.
    idle: Mutex<Vec<Connection>>,
    url: String,
    prefix: String,
    keep: u16,
}

impl std::fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisStore")
            .field("url", &self.url)
            .field("prefix", &self.prefix)
            .field("keep", &self.keep)
            .finish_non_exhaustive()
    }
}

impl RedisStore {
    /// The store under `prefix` in the server at `url` (`redis://host:port/database`).
    /// `keep` is the number of days kept of each entity, at least 1. Nothing is sent yet.
    ///
    /// # Errors
    /// If the URL is none of Redis.
    pub fn open(url: &str, prefix: &str, keep: u16) -> OnlineResult<Self> {
        let shown = mlops_disk::redact(url);
        let client = Client::open(url).map_err(|error| OnlineError::Place {
            place: shown.clone(),
            message: format!(
                "{}. Write redis://HOST:PORT/DATABASE",
                mlops_disk::redact(&error.to_string())
            ),
        })?;
        Ok(RedisStore {
            client,
            idle: Mutex::new(Vec::new()),
            url: shown,
            prefix: prefix.into(),
            keep: keep.max(1),
        })
    }

    /// The view's own colons are escaped, so that two views never share a key. The
    /// entity comes last and may hold anything.
    fn key(&self, view: &str, entity: &str) -> String {
        let view = view.replace('%', "%25").replace(':', "%3A");
        format!("{}:{view}:{entity}", self.prefix)
    }

    /// Notes lie where no view can: a view's name has no colon any more.
    fn note_key(&self, view: &str, name: &str) -> String {
        format!("{}::note:{}", self.prefix, self.key(view, name))
    }

    /// Does something over a connection, once more over a new one if the old one
    /// turned out to be dead. Whatever is done here may be done twice.
    fn with<T>(
        &self,
        doing: &'static str,
        act: impl Fn(&mut Connection) -> RedisResult<T>,
    ) -> OnlineResult<Result<T, RedisError>> {
        let used = self.idle().pop();
        if let Some(mut connection) = used {
            match act(&mut connection) {
                Err(error) if is_lost(&error) => self.idle().clear(),
                answer => return Ok(self.put_back(connection, answer)),
            }
        }
        let connected = self.client.get_connection_with_timeout(CONNECT);
        let mut connection = connected.map_err(|error| self.failed(doing, &error))?;
        for set in [Connection::set_read_timeout, Connection::set_write_timeout] {
            set(&connection, Some(ANSWER)).map_err(|error| self.failed(doing, &error))?;
        }
        match act(&mut connection) {
            Err(error) if is_lost(&error) => Err(self.failed(doing, &error)),
            answer => Ok(self.put_back(connection, answer)),
        }
    }

    fn put_back<T>(&self, connection: Connection, answer: RedisResult<T>) -> RedisResult<T> {
        self.idle().push(connection);
        answer
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Connection>> {
        // A list of connections is whole at every moment.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, doing: &'static str, error: &RedisError) -> OnlineError {
        let reason = mlops_disk::redact(&error.to_string());
        let url = self.url.clone();
        if is_lost(error) {
            OnlineError::Unreachable { url, reason }
        } else {
            OnlineError::Refused { url, doing, reason }
        }
    }

    fn wrong_type(&self, key: String, found: &str) -> OnlineError {
        OnlineError::WrongType {
            url: self.url.clone(),
            key,
            found: found.into(),
        }
    }

    fn push_step(&self, view: &str, rows: &[(String, Stored)]) -> OnlineResult<usize> {
        let grouped = by_entity(rows);
        let mut command = redis::cmd("EVAL");
        command.arg(PUSH).arg(grouped.len());
        for entity in grouped.keys() {
            command.arg(self.key(view, entity));
        }
        command.arg(self.keep);
        for rows in grouped.values() {
            command.arg(rows.len());
            for row in rows {
                command.arg(row.day).arg(value(row));
            }
        }
        let doing = "store observations";
        let answer = self.with(doing, |connection| {
            command.query::<(i64, String)>(connection)
        })?;
        let (changed, kind) = answer.map_err(|error| self.failed(doing, &error))?;
        match usize::try_from(changed) {
            Ok(changed) => Ok(changed),
            Err(_) => {
                let at = usize::try_from(-(changed + 1)).unwrap_or(usize::MAX);
                let entity = grouped.keys().nth(at).copied().unwrap_or_default();
                Err(self.wrong_type(self.key(view, entity), &kind))
            }
        }
    }

    /// What failed in a pipeline of reads, with the key that it failed at.
    fn read_failed(
        &self,
        view: &str,
        wanted: &[(usize, &Span<'_>)],
        error: RedisError,
    ) -> OnlineError {
        let failed = self.failed("read observations", &error);
        let errors = error.into_server_errors();
        let wrong = errors.as_deref().and_then(|errors| {
            let (at, _) = errors
                .iter()
                .find(|(_, error)| error.code() == "WRONGTYPE")?;
            wanted.get(*at)
        });
        match wrong {
            Some((_, span)) => {
                self.wrong_type(self.key(view, span.entity), "value of another kind")
            }
            None => failed,
        }
    }
}

/// Whether the server isn't there, or isn't ready yet: not an answer.
fn is_lost(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Io | ErrorKind::Parse | ErrorKind::Server(ServerErrorKind::BusyLoading)
    )
}

/// Created time, so that bytes sort as times do, and the values.
fn value(row: &Stored) -> Vec<u8> {
    let mut value = Vec::with_capacity(CREATED + row.cells.len());
    value.extend((row.created ^ i64::MIN).to_be_bytes());
    value.extend(&row.cells);
    value
}

fn row(day: Day, value: &[u8]) -> Option<StoredRef<'_>> {
    let (created, cells) = value.split_first_chunk::<CREATED>()?;
    Some(StoredRef {
        day,
        created: i64::from_be_bytes(*created) ^ i64::MIN,
        cells,
    })
}

/// The days of a span one by one, the newest first, or `None` if they are too many.
fn days(span: &Span<'_>) -> Option<Vec<Day>> {
    let count = i64::from(span.until) - i64::from(span.from);
    (count < LONG_SPAN).then(|| (span.from..=span.until).rev().collect())
}

/// The observations in the answer to one span, the newest first.
fn answered(span: &Span<'_>, answer: &Value) -> Result<Vec<(Day, Vec<u8>)>, &'static str> {
    let values = match answer {
        Value::Array(values) => values.as_slice(),
        Value::Nil => &[],
        _ => return Err("the server's answer is no list"),
    };
    let bytes = |value: &Value| match value {
        Value::BulkString(bytes) => Ok(Some(bytes.clone())),
        Value::Nil => Ok(None),
        _ => Err("the server's answer is no text"),
    };
    if let Some(days) = days(span) {
        let found = days.into_iter().zip(values);
        let found = found.map(|(day, value)| Ok(bytes(value)?.map(|bytes| (day, bytes))));
        return found.filter_map(Result::transpose).collect();
    }
    let mut found = Vec::new();
    for pair in values.as_chunks::<2>().0 {
        let [Some(day), Some(value)] = [bytes(&pair[0])?, bytes(&pair[1])?] else {
            return Err("the server's answer is not in pairs");
        };
        let day = std::str::from_utf8(&day).ok();
        let day = day.and_then(|day| day.parse().ok());
        let day: Day = day.ok_or("it has a field that is no day")?;
        if (span.from..=span.until).contains(&day) {
            found.push((day, value));
        }
    }
    found.sort_by_key(|(day, _)| std::cmp::Reverse(*day));
    Ok(found)
}

impl OnlineStore for RedisStore {
    fn push(&self, view: &str, rows: &[(String, Stored)]) -> OnlineResult<usize> {
        check_rows(view, rows)?;
        let steps = rows.chunks(STEP);
        steps.map(|rows| self.push_step(view, rows)).sum()
    }

    fn scan(&self, view: &str, spans: &[Span<'_>], visit: &mut Visit<'_>) -> OnlineResult<()> {
        let mut pipeline = redis::Pipeline::with_capacity(spans.len());
        let wanted: Vec<(usize, &Span<'_>)> = spans
            .iter()
            .enumerate()
            .filter(|(_, span)| span.from <= span.until)
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        for (_, span) in &wanted {
            let key = self.key(view, span.entity);
            match days(span) {
                Some(days) => pipeline.cmd("HMGET").arg(key).arg(days),
                None => pipeline.cmd("HGETALL").arg(key),
            };
        }
        let answers = self.with("read observations", |connection| {
            pipeline.query::<Vec<Value>>(connection)
        })?;
        let answers = answers.map_err(|error| self.read_failed(view, &wanted, error))?;
        for ((at, span), answer) in wanted.into_iter().zip(&answers) {
            let damaged = |day, what: &str| OnlineError::Damaged {
                view: view.into(),
                entity: span.entity.into(),
                day,
                what: what.into(),
            };
            for (day, value) in answered(span, answer).map_err(|what| damaged(None, what))? {
                let found = row(day, &value);
                visit(
                    at,
                    found.ok_or_else(|| damaged(Some(day), "it is too short"))?,
                )?;
            }
        }
        Ok(())
    }

    fn note(&self, view: &str, name: &str) -> OnlineResult<Option<Vec<u8>>> {
        let mut command = redis::cmd("GET");
        command.arg(self.note_key(view, name));
        let doing = "read a note";
        self.with(doing, |connection| command.query(connection))?
            .map_err(|error| self.failed(doing, &error))
    }

    fn set_note(&self, view: &str, name: &str, value: Option<&[u8]>) -> OnlineResult<()> {
        let key = self.note_key(view, name);
        let mut command = redis::Cmd::new();
        match value {
            Some(value) => command.arg("SET").arg(key).arg(value),
            None => command.arg("DEL").arg(key),
        };
        let doing = "store a note";
        self.with(doing, |connection| command.exec(connection))?
            .map_err(|error| self.failed(doing, &error))
    }

    fn keep(&self) -> u16 {
        self.keep
    }

    fn place(&self) -> String {
        self.url.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        let store = RedisStore::open("redis://me:p%40ss@db:6379/2", "p", 3).unwrap();
        assert_eq!(store.place(), "redis://***@db:6379/2");
        assert!(!format!("{store:?}").contains("ss@"));
        let error = RedisStore::open("redis://me:secret@", "p", 3).unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn no_two_views_and_entities_share_a_key() {
        let store = RedisStore::open("redis://db", "p", 3).unwrap();
        let names = [
            "", "a", "a:b", "b", ":", "%3A", "%", "a%3Ab", "b:", "note", ":note:p",
        ];
        let mut keys = std::collections::HashSet::new();
        for view in names {
            for entity in names {
                assert!(keys.insert(store.key(view, entity)), "{view:?} {entity:?}");
                assert!(
                    keys.insert(store.note_key(view, entity)),
                    "{view:?} {entity:?}"
                );
            }
        }
    }

    #[test]
    fn created_times_sort_as_bytes() {
        let times = [i64::MIN, -1, 0, 1, 1_700_000_000_000_000, i64::MAX];
        let bytes = times.map(|created| {
            value(&Stored {
                day: 0,
                created,
                cells: vec![7],
            })
        });
        assert!(bytes.is_sorted());
        for (bytes, created) in bytes.iter().zip(times) {
            assert_eq!(row(0, bytes).unwrap().created, created);
        }
    }
}
