use proptest::prelude::*;

use super::*;

fn candidate(key: u32, event: i64, created: impl Into<Option<i64>>, row: u32) -> Candidate {
    Candidate {
        key,
        event,
        created: created.into(),
        row,
    }
}

fn taken(rows: &[Candidate], rule: Rule, key: u32, at: i64) -> Option<u32> {
    let timeline = Timeline::new(rows.to_vec(), rule);
    timeline
        .latest(Asked { key: Some(key), at })
        .map(|row| row.row)
}

const FOR_EVER: Rule = Rule {
    ttl: 0,
    created: true,
};
const UNSEEN: Rule = Rule {
    ttl: 0,
    created: false,
};

#[test]
fn an_event_counts_from_its_own_instant_to_the_last_of_its_ttl() {
    let rule = Rule {
        ttl: 10,
        created: true,
    };
    let rows = [candidate(0, 100, 100, 7)];
    let at = |t| taken(&rows, rule, 0, t);
    assert_eq!(
        [at(99), at(100), at(110), at(111)],
        [None, Some(7), Some(7), None]
    );
    assert_eq!(taken(&rows, FOR_EVER, 0, i64::MAX), Some(7));
    assert_eq!(taken(&rows, FOR_EVER, 1, 200), None);
}

#[test]
fn the_latest_event_wins_and_among_equal_ones_the_last_created() {
    // Four of one instant, in no order: Feast once took the wrong one of more than two.
    let rows = [
        candidate(0, 5, 9, 0),
        candidate(0, 5, 6, 1),
        candidate(0, 5, 9, 2),
        candidate(0, 5, 7, 3),
        candidate(0, 4, 20, 4),
    ];
    assert_eq!(taken(&rows, UNSEEN, 0, 30), Some(2));
    assert_eq!(taken(&rows, FOR_EVER, 0, 30), Some(2));
    assert_eq!(taken(&rows, FOR_EVER, 0, 8), Some(3));
}

#[test]
fn a_value_filled_in_later_does_not_leak_into_the_past() {
    let rows = [candidate(0, 1, 1, 0), candidate(0, 2, 100, 1)];
    assert_eq!(taken(&rows, FOR_EVER, 0, 50), Some(0));
    assert_eq!(taken(&rows, FOR_EVER, 0, 100), Some(1));
    assert_eq!(taken(&rows, UNSEEN, 0, 50), Some(1));
}

#[test]
fn a_row_of_unknown_creation_counts_only_where_creation_does_not() {
    let rows = [
        candidate(0, 1, None, 0),
        candidate(0, 1, 1, 1),
        candidate(0, 2, None, 2),
    ];
    assert_eq!(taken(&rows, FOR_EVER, 0, 5), Some(1));
    assert_eq!(taken(&rows, UNSEEN, 0, 5), Some(2));
    assert_eq!(
        taken(&rows, UNSEEN, 0, 1),
        Some(1),
        "null is never preferred"
    );
}

#[test]
fn entity_rows_stay_as_many_as_they_were() {
    let timeline = Timeline::new(vec![candidate(0, 1, 1, 3)], FOR_EVER);
    let asked = |key, at| Asked { key, at };
    let rows = [
        asked(Some(0), 1),
        asked(Some(0), 1),
        asked(None, 1),
        asked(Some(9), 1),
        asked(Some(0), 0),
    ];
    assert_eq!(timeline.join(&rows), [Some(3), Some(3), None, None, None]);
    assert_eq!(Timeline::new(vec![], FOR_EVER).join(&rows), [None; 5]);
}

#[test]
fn keys_of_several_columns_do_not_collide() {
    let texts = |values: &[&'static str]| {
        KeyColumn::Texts(values.iter().map(|value| Some(*value)).collect())
    };
    let (keys, codes) = Keys::number(&[texts(&["1", "12", "1"]), texts(&["23", "3", "23"])], 3);
    assert_eq!(codes[0], codes[2]);
    assert_ne!(codes[0], codes[1]);
    assert_eq!(keys.count(), 2);
    let found = keys.find(&[texts(&["12", "1", "123"]), texts(&["3", "3", ""])], 3);
    assert_eq!(found, [codes[1], None, None]);
}

#[test]
fn a_missing_key_is_nobody_and_no_key_is_everybody() {
    let (keys, codes) = Keys::number(&[KeyColumn::Integers(vec![Some(5), None])], 2);
    assert_eq!(codes, [Some(0), None]);
    assert_eq!(
        keys.find(&[KeyColumn::Integers(vec![None, Some(5)])], 2),
        [None, Some(0)]
    );
    assert_eq!(
        keys.find(&[KeyColumn::Texts(vec![Some("5")])], 1),
        [None],
        "a text is no number"
    );
    let (keys, codes) = Keys::number(&[], 2);
    assert_eq!(
        (codes, keys.find(&[], 1)),
        (vec![Some(0); 2], vec![Some(0)])
    );
}

/// The definition, word by word.
fn by_definition(rows: &[Candidate], rule: Rule, asked: Asked) -> Option<u32> {
    rows.iter()
        .filter(|row| Some(row.key) == asked.key && row.event <= asked.at)
        .filter(|row| {
            rule.ttl == 0 || i128::from(row.event) >= i128::from(asked.at) - i128::from(rule.ttl)
        })
        .filter(|row| !rule.created || row.created.is_some_and(|created| created <= asked.at))
        .max_by_key(|row| (row.event, row.created, row.row))
        .map(|row| row.row)
}

/// Instants so near each other that they meet, and the ends of time.
fn instant() -> impl Strategy<Value = i64> {
    prop_oneof![
        8 => -6i64..6,
        1 => Just(i64::MIN),
        1 => Just(i64::MAX),
    ]
}

fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let row = (0u32..3, instant(), prop::option::weighted(0.8, instant()));
    prop::collection::vec(row, 0..40).prop_map(|rows| {
        rows.into_iter()
            .zip(0..)
            .map(|((key, event, created), row)| candidate(key, event, created, row))
            .collect()
    })
}

fn question() -> impl Strategy<Value = Asked> {
    (prop::option::weighted(0.9, 0u32..4), instant()).prop_map(|(key, at)| Asked { key, at })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn the_join_gives_what_the_definition_says(
        rows in candidates(),
        asked in prop::collection::vec(question(), 1..20),
        ttl in prop_oneof![Just(0u64), 1u64..8, Just(u64::MAX)],
        created: bool,
    ) {
        let rule = Rule { ttl, created };
        let expected: Vec<_> = asked.iter().map(|asked| by_definition(&rows, rule, *asked)).collect();
        prop_assert_eq!(Timeline::new(rows, rule).join(&asked), expected);
    }

    #[test]
    fn keys_are_one_number_exactly_where_all_their_parts_are_equal(
        rows in prop::collection::vec(("[12]{0,3}", prop::option::weighted(0.9, 0i64..3), "[12]{0,3}"), 1..30)
    ) {
        let texts = |part: fn(&(String, Option<i64>, String)) -> &str| {
            KeyColumn::Texts(rows.iter().map(|row| Some(part(row))).collect())
        };
        let columns = [
            texts(|row| &row.0),
            KeyColumn::Integers(rows.iter().map(|row| row.1).collect()),
            texts(|row| &row.2),
        ];
        let (keys, codes) = Keys::number(&columns, rows.len());
        prop_assert_eq!(&keys.find(&columns, rows.len()), &codes);
        for (a, one) in rows.iter().zip(&codes) {
            prop_assert_eq!(one.is_some(), a.1.is_some());
            prop_assert!(one.is_none_or(|one| (one as usize) < keys.count()));
            for (b, other) in rows.iter().zip(&codes) {
                prop_assert_eq!(one == other && one.is_some(), a == b && a.1.is_some());
            }
        }
    }
}
