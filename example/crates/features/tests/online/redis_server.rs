//! What fails with a server, and what is said then.

use mlops_features::online::{OnlineError, OnlineSettings, Span, open};

use crate::model::{VIEW, all, assert_holds, read, row, shuffled};
use crate::places::{Place, url};
use crate::proxy::Proxy;

#[test]
fn redis_gone_is_said_and_back_is_noticed() {
    let Some(mut place) = Place::redis() else {
        return;
    };
    let store = place.open();
    let rows = shuffled(4, 2, 5, 2);
    store.push(VIEW, &rows).unwrap();
    place.server.as_mut().unwrap().kill();
    for error in [
        store.push(VIEW, &rows).unwrap_err(),
        store.read(VIEW, &[all("e0")]).unwrap_err(),
        store.note(VIEW, "note").unwrap_err(),
    ] {
        assert!(matches!(error, OnlineError::Unreachable { .. }), "{error}");
        assert!(error.to_string().contains("Start it"), "{error}");
    }
    place.server.as_mut().unwrap().run();
    assert_holds(&*store, &rows);
    assert_eq!(store.push(VIEW, &rows).unwrap(), 0);
}

/// A connection that died while nobody used it costs no call.
#[test]
fn redis_restarted_between_two_calls_is_not_noticed() {
    let Some(mut place) = Place::redis() else {
        return;
    };
    let store = place.open();
    store.push(VIEW, &[row("a", 1, 1, "x")]).unwrap();
    place.restart();
    assert_eq!(store.push(VIEW, &[row("a", 2, 1, "x")]).unwrap(), 1);
    place.restart();
    assert_eq!(read(&*store, "a").len(), 2);
}

#[test]
fn a_key_of_somebody_else_is_named_and_left_alone() {
    let Some(place) = Place::redis() else { return };
    let store = place.open();
    let mut connection = place.server.as_ref().unwrap().connection();
    let key = format!("suite:{VIEW}:theirs");
    let mut set = redis::cmd("SET");
    set.arg(&key)
        .arg("something else")
        .exec(&mut connection)
        .unwrap();
    let both = [row("mine", 1, 1, "x"), row("theirs", 1, 1, "x")];
    for error in [
        store.push(VIEW, &both).unwrap_err(),
        store.read(VIEW, &[all("mine"), all("theirs")]).unwrap_err(),
    ] {
        let OnlineError::WrongType { key: named, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(*named, key);
    }
    // Neither was anything written to the key that is ours.
    assert!(read(&*store, "mine").is_empty());
    let mut get = redis::cmd("GET");
    let left: String = get.arg(&key).query(&mut connection).unwrap();
    assert_eq!(left, "something else");
}

#[test]
fn a_hash_of_somebody_else_is_an_error() {
    let Some(place) = Place::redis() else { return };
    let store = place.open();
    let mut connection = place.server.as_ref().unwrap().connection();
    for (entity, field, value) in [("a", "name", "12345678x"), ("b", "7", "short")] {
        let mut set = redis::cmd("HSET");
        let key = format!("suite:{VIEW}:{entity}");
        set.arg(key).arg(field).arg(value);
        set.exec(&mut connection).unwrap();
        let error = store.read(VIEW, &[all(entity)]).unwrap_err();
        assert!(matches!(error, OnlineError::Damaged { .. }), "{error}");
    }
}

#[test]
fn a_full_server_says_why_it_refuses() {
    let Some(place) = Place::redis() else { return };
    let store = place.open();
    let mut connection = place.server.as_ref().unwrap().connection();
    let mut limit = redis::cmd("CONFIG");
    limit.arg("SET").arg("maxmemory").arg(1);
    limit.exec(&mut connection).unwrap();
    let error = store.push(VIEW, &[row("a", 1, 1, "x")]).unwrap_err();
    assert!(matches!(error, OnlineError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("maxmemory"), "{error}");
}

/// Thirty-one days of one entity and three of each of twenty others, or a push to all.
#[test]
fn whatever_is_read_or_pushed_takes_one_round_trip() {
    let Some(place) = Place::redis() else { return };
    let proxy = Proxy::to(place.server.as_ref().unwrap().port());
    let store = open(&OnlineSettings {
        store: url(proxy.port),
        ..place.settings.clone()
    })
    .unwrap();
    let rows = shuffled(6, 21, 40, 1);
    // Connects, too.
    store.push(VIEW, &rows[..1]).unwrap();
    proxy.round_trips();
    store.push(VIEW, &rows[..900]).unwrap();
    assert_eq!(proxy.round_trips(), 1);
    store.push(VIEW, &rows[900..]).unwrap();
    let names: Vec<String> = (0..21).map(|at| format!("e{at}")).collect();
    let spans: Vec<Span<'_>> = names
        .iter()
        .enumerate()
        .map(|(at, entity)| Span {
            entity,
            from: if at == 0 { 9 } else { 37 },
            until: 39,
        })
        .collect();
    proxy.round_trips();
    let read = store.read(VIEW, &spans).unwrap();
    assert_eq!(proxy.round_trips(), 1);
    let lengths: Vec<usize> = read.iter().map(Vec::len).collect();
    assert_eq!(lengths, [vec![31], vec![3; 20]].concat());
}
