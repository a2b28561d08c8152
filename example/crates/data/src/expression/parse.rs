//! From text to a typed condition, by recursive descent.

use std::collections::BTreeSet;

use crate::calendar;
use crate::contract::{Contract, Kind, nearest};

use super::token::{Fault, Token, tokens};
use super::{Arithmetic, Comparison, Condition, Expression, Row, Value, type_name};

/// More parts than any rule needs, few enough that nothing overflows.
const TOKENS: usize = 500;
const DEPTH: usize = 50;

pub(super) fn parse(text: &str, contract: &Contract) -> Result<Expression, Fault> {
    let tokens = tokens(text)?;
    if tokens.len() > TOKENS {
        return Err(Fault::new(
            0,
            format!("more than {TOKENS} words and signs; make several rules of it"),
        ));
    }
    let mut parser = Parser {
        tokens,
        at: 0,
        end: text.len(),
        depth: 0,
        contract,
        columns: BTreeSet::new(),
    };
    let start = parser.place();
    let term = parser.equivalence()?;
    if let Some((at, token)) = parser.tokens.get(parser.at) {
        return Err(Fault::new(
            *at,
            format!("{} can't follow here", describe(token)),
        ));
    }
    Ok(Expression {
        condition: condition(term, start)?,
        columns: parser.columns,
    })
}

struct Parser<'a> {
    tokens: Vec<(usize, Token)>,
    at: usize,
    end: usize,
    depth: usize,
    contract: &'a Contract,
    columns: BTreeSet<String>,
}

/// A part of an expression whose type is known.
enum Term {
    Condition(Condition),
    Value(Value, Kind),
}

type Parsed = Result<Term, Fault>;

impl Parser<'_> {
    fn equivalence(&mut self) -> Parsed {
        self.deeper()?;
        let start = self.place();
        let mut left = self.implication()?;
        while self.sign("<=>") {
            let one = condition(left, start)?;
            let place = self.place();
            let other = condition(self.implication()?, place)?;
            left = Term::Condition(Condition::Equivalent(one.into(), other.into()));
        }
        self.depth -= 1;
        Ok(left)
    }

    /// `a => b => c` is `a => (b => c)`, as in logic.
    fn implication(&mut self) -> Parsed {
        self.deeper()?;
        let start = self.place();
        let mut left = self.disjunction()?;
        if self.sign("=>") {
            let one = condition(left, start)?;
            let place = self.place();
            let other = condition(self.implication()?, place)?;
            left = Term::Condition(Condition::Implies(one.into(), other.into()));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn disjunction(&mut self) -> Parsed {
        let start = self.place();
        let mut left = self.conjunction()?;
        while self.word("or") {
            let one = condition(left, start)?;
            let place = self.place();
            let other = condition(self.conjunction()?, place)?;
            left = Term::Condition(Condition::Or(one.into(), other.into()));
        }
        Ok(left)
    }

    fn conjunction(&mut self) -> Parsed {
        let start = self.place();
        let mut left = self.negation()?;
        while self.word("and") {
            let one = condition(left, start)?;
            let place = self.place();
            let other = condition(self.negation()?, place)?;
            left = Term::Condition(Condition::And(one.into(), other.into()));
        }
        Ok(left)
    }

    fn negation(&mut self) -> Parsed {
        if !self.word("not") {
            return self.comparison();
        }
        self.deeper()?;
        let place = self.place();
        let inner = condition(self.negation()?, place)?;
        self.depth -= 1;
        Ok(Term::Condition(Condition::Not(inner.into())))
    }

    fn comparison(&mut self) -> Parsed {
        let start = self.place();
        let left = self.sum()?;
        let sign_at = self.place();
        let Some(comparison) = self.comparison_sign()? else {
            return Ok(left);
        };
        let right_at = self.place();
        let right = self.sum()?;
        let (left, right) = (value(left, start)?, value(right, right_at)?);
        let compared = self.comparable(comparison, left, right, sign_at)?;
        let next = self.place();
        if self.comparison_sign()?.is_some() {
            return Err(Fault::new(
                next,
                "comparisons can't be chained; join two of them with `and`",
            ));
        }
        Ok(Term::Condition(compared))
    }

    /// Checks that the two sides are of one kind, and reads a word as what the other side is.
    fn comparable(
        &self,
        comparison: Comparison,
        (left, left_kind): (Value, Kind),
        (right, right_kind): (Value, Kind),
        at: usize,
    ) -> Result<Condition, Fault> {
        let fault = |message: String| Err(Fault::new(at, message));
        if !names_column(&left) && !names_column(&right) {
            return fault(format!(
                "this compares two constants, which says the same of every row: {}",
                self.constants(&left, &right)
            ));
        }
        let (left, right) = match (left, right) {
            (Value::Word(word), right) if right_kind == Kind::Date => (day(&word, at)?, right),
            (left, Value::Word(word)) if left_kind == Kind::Date => (left, day(&word, at)?),
            (left, right) if left_kind != right_kind => {
                let (left, right) = (self.name(&left, left_kind), self.name(&right, right_kind));
                return fault(format!("{left} can't be compared with {right}"));
            }
            (left, right) => (left, right),
        };
        if left_kind == Kind::Category
            && right_kind == Kind::Category
            && !matches!(comparison, Comparison::Equal | Comparison::Unequal)
        {
            return fault("words have no order; compare them with == or !=".into());
        }
        if left == right {
            return fault("both sides are the same, which says the same of every row".into());
        }
        for (one, other) in [(&left, &right), (&right, &left)] {
            if let (Value::Column(name, _), Value::Word(word)) = (one, other)
                && let Some(values) = self.contract.column(name).and_then(|c| c.values.as_ref())
                && !values.contains(word)
            {
                return fault(format!(
                    "{name} never is {word:?}; {}",
                    match self.contract.column(word) {
                        Some(_) => format!("the column {word} stands without quotes"),
                        None => format!("its values are {}", values.join(", ")),
                    }
                ));
            }
        }
        Ok(Condition::Compare(comparison, left.into(), right.into()))
    }

    /// What to do about two constants: mostly, a column stands in quotes.
    fn constants(&self, left: &Value, right: &Value) -> String {
        let column = [left, right].into_iter().find_map(|value| match value {
            Value::Word(word) => self.contract.column(word),
            _ => None,
        });
        match column {
            Some(column) => format!("{:?} is a column, leave out the quotes", column.name),
            None => "name a column on one side, without quotes".into(),
        }
    }

    fn sum(&mut self) -> Parsed {
        self.chain(
            &[("+", Arithmetic::Add), ("-", Arithmetic::Subtract)],
            Self::product,
        )
    }

    fn product(&mut self) -> Parsed {
        self.chain(
            &[("*", Arithmetic::Multiply), ("/", Arithmetic::Divide)],
            Self::factor,
        )
    }

    fn chain(&mut self, signs: &[(&str, Arithmetic)], operand: fn(&mut Self) -> Parsed) -> Parsed {
        let start = self.place();
        let mut left = operand(self)?;
        while let Some((_, operation)) = signs.iter().find(|(sign, _)| self.sign(sign)) {
            let one = number(left, start)?;
            let place = self.place();
            let other = number(operand(self)?, place)?;
            let both = Value::Arithmetic(*operation, one.into(), other.into());
            left = Term::Value(both, Kind::Number);
        }
        Ok(left)
    }

    fn factor(&mut self) -> Parsed {
        if self.sign("-") {
            self.deeper()?;
            let place = self.place();
            let inner = number(self.factor()?, place)?;
            self.depth -= 1;
            return Ok(Term::Value(Value::Negative(inner.into()), Kind::Number));
        }
        if self.sign("(") {
            let inner = self.equivalence()?;
            self.expect(")")?;
            return Ok(inner);
        }
        let place = self.place();
        let Some((_, token)) = self.tokens.get(self.at).cloned() else {
            return Err(Fault::new(
                place,
                "something is missing at the end: a column, a number or a word",
            ));
        };
        self.at += 1;
        match token {
            Token::Number(value) => Ok(Term::Value(Value::Number(value), Kind::Number)),
            Token::Word(word) => Ok(Term::Value(Value::Word(word), Kind::Category)),
            Token::Column(name) => self.column(name, Row::This, place),
            Token::Name(name) => match name.as_str() {
                "next" => self.neighbour(Row::Next),
                "previous" => self.neighbour(Row::Previous),
                "and" | "or" | "not" => Err(Fault::new(
                    place,
                    format!("`{name}` can't stand here; a value is expected"),
                )),
                _ => self.column(name, Row::This, place),
            },
            Token::Sign("=") => Err(Fault::new(place, "write == to compare")),
            Token::Sign(sign) => Err(Fault::new(
                place,
                format!("`{sign}` can't stand here; a value is expected"),
            )),
        }
    }

    fn neighbour(&mut self, row: Row) -> Parsed {
        self.expect("(")?;
        let place = self.place();
        let name = match self.tokens.get(self.at) {
            Some((_, Token::Name(name) | Token::Column(name))) => name.clone(),
            _ => return Err(Fault::new(place, "a column is expected here")),
        };
        self.at += 1;
        let term = self.column(name, row, place)?;
        self.expect(")")?;
        Ok(term)
    }

    fn column(&mut self, name: String, row: Row, at: usize) -> Parsed {
        let Some(rule) = self.contract.column(&name) else {
            let known = self.contract.columns.iter().map(|c| c.name.as_str());
            let hint = match nearest(&name, known) {
                Some(other) => format!("did you mean {other}?"),
                None => "a word stands in quotes".into(),
            };
            return Err(Fault::new(at, format!("there is no column {name}; {hint}")));
        };
        let kind = rule.kind;
        self.columns.insert(name.clone());
        Ok(Term::Value(Value::Column(name, row), kind))
    }

    /// A value in words, for an error.
    fn name(&self, value: &Value, kind: Kind) -> String {
        match value {
            Value::Column(name, _) => format!("{name} ({})", type_name(kind)),
            Value::Word(word) => format!("the word {word:?}"),
            _ => type_name(kind).into(),
        }
    }

    fn comparison_sign(&mut self) -> Result<Option<Comparison>, Fault> {
        let signs = [
            ("<=", Comparison::AtMost),
            ("<", Comparison::Less),
            (">=", Comparison::AtLeast),
            (">", Comparison::Greater),
            ("==", Comparison::Equal),
            ("!=", Comparison::Unequal),
        ];
        let place = self.place();
        if self.sign("=") {
            return Err(Fault::new(place, "write == to compare"));
        }
        Ok(signs
            .iter()
            .find(|(sign, _)| self.sign(sign))
            .map(|(_, comparison)| *comparison))
    }

    /// Steps over a sign if it is the next token.
    fn sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some((_, Token::Sign(s))) if *s == sign);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some((_, Token::Name(n))) if n == word);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), Fault> {
        let place = self.place();
        if self.sign(sign) {
            return Ok(());
        }
        Err(Fault::new(place, format!("`{sign}` is expected here")))
    }

    /// The byte at which the next token begins.
    fn place(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |(at, _)| *at)
    }

    fn deeper(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > 2 * DEPTH {
            return Err(Fault::new(self.place(), "nested too deeply"));
        }
        Ok(())
    }
}

/// Whether a value depends on the row.
fn names_column(value: &Value) -> bool {
    match value {
        Value::Number(_) | Value::Word(_) | Value::Day(_) => false,
        Value::Column(..) => true,
        Value::Negative(inner) => names_column(inner),
        Value::Arithmetic(_, one, other) => names_column(one) || names_column(other),
    }
}

fn condition(term: Term, at: usize) -> Result<Condition, Fault> {
    match term {
        Term::Condition(condition) => Ok(condition),
        Term::Value(_, kind) => Err(Fault::new(
            at,
            format!(
                "this is {}, where a condition is expected: compare it with something",
                type_name(kind)
            ),
        )),
    }
}

fn value(term: Term, at: usize) -> Result<(Value, Kind), Fault> {
    match term {
        Term::Value(value, kind) => Ok((value, kind)),
        Term::Condition(_) => Err(Fault::new(
            at,
            "this is a condition, where a value is expected; conditions are joined by and, or, => and <=>",
        )),
    }
}

fn number(term: Term, at: usize) -> Result<Value, Fault> {
    match value(term, at)? {
        (value, Kind::Number) => Ok(value),
        (_, kind) => Err(Fault::new(
            at,
            format!(
                "this is {}, and one can't calculate with it",
                type_name(kind)
            ),
        )),
    }
}

fn day(word: &str, at: usize) -> Result<Value, Fault> {
    calendar::parse_iso(word)
        .map(Value::Day)
        .ok_or_else(|| Fault::new(at, format!("{word:?} is not a date written yyyy-mm-dd")))
}

fn describe(token: &Token) -> String {
    match token {
        Token::Name(name) | Token::Column(name) => format!("`{name}`"),
        Token::Number(value) => format!("`{value}`"),
        Token::Word(word) => format!("{word:?}"),
        Token::Sign("=") => "`=` (write == to compare)".into(),
        Token::Sign(sign) => format!("`{sign}`"),
    }
}
