//! Makes inputs until the time is up, and makes the one that breaks a law as small as it gets.

use std::cell::Cell;
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::time::{Duration, Instant};

use mlops_repository::yaml::Value;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;

use crate::mutate::mutated;

/// No input may take longer, on a machine that does other things beside.
const LONGEST: Duration = Duration::from_secs(10);
/// Inputs that are kept to be changed further.
const KEPT: usize = 4000;
/// The longest input in bytes.
pub const LARGEST: usize = 16 << 10;

/// What an input leads to, in words; or the law that it breaks.
pub type Check = dyn Fn(&[u8]) -> Result<String, String>;

/// What is fuzzed.
pub struct Target {
    pub name: &'static str,
    /// Sound inputs, and unsound ones of the past.
    pub seeds: Vec<Vec<u8>>,
    /// Keys and values that mean something there.
    pub words: &'static [&'static str],
    /// A value as text of the target's format.
    pub render: fn(&Value) -> String,
    pub check: Box<Check>,
}

/// A law that was broken, and by what.
pub struct Fault {
    pub law: String,
    pub input: Vec<u8>,
}

/// What a search came to.
pub struct Search {
    pub inputs: u64,
    pub outcomes: usize,
    pub fault: Option<Fault>,
}

/// Runs a target for as long as the environment says.
pub fn fuzz(target: &Target) {
    let seconds = number("FUZZ_SECONDS", 1);
    let seed = number("FUZZ_SEED", 0);
    let start = Instant::now();
    let end = start + Duration::from_secs(seconds);
    let search = search(target, seed, &mut |_| Instant::now() < end);
    println!(
        "fuzzed {}: {} inputs in {} s, {} kinds of outcome, seed {seed}",
        target.name,
        search.inputs,
        start.elapsed().as_secs(),
        search.outcomes
    );
    if let Some(fault) = search.fault {
        let text = String::from_utf8_lossy(&fault.input);
        panic!(
            "{} broke a law: {}\nits input, as small as it gets (make it a seed of the target):\n{text}\n\
             in Rust: b\"{}\"\nfound with FUZZ_SEED={seed}",
            target.name,
            fault.law,
            fault.input.escape_ascii()
        );
    }
}

/// A number of the environment.
fn number(name: &str, default: u64) -> u64 {
    match std::env::var(name).map(|text| text.parse()) {
        Err(_) => default,
        Ok(Ok(number)) => number,
        Ok(Err(error)) => panic!("{name} must be a whole number: {error}"),
    }
}

/// Makes inputs as long as `go_on`, which is told how many there were.
pub fn search(target: &Target, seed: u64, go_on: &mut dyn FnMut(u64) -> bool) -> Search {
    let mut random = Pcg64Mcg::seed_from_u64(seed);
    let mut kept = target.seeds.clone();
    let mut seen = HashSet::new();
    let mut inputs = 0;
    while go_on(inputs) {
        let at = usize::try_from(inputs).unwrap_or(usize::MAX);
        let input = match target.seeds.get(at) {
            Some(seed) => seed.clone(),
            None => mutated(target, &kept, &mut random),
        };
        inputs += 1;
        let start = Instant::now();
        match outcome(target, &input) {
            Ok(outcome) => {
                // What takes long would be all that is done.
                let is_quick = start.elapsed() < Duration::from_millis(50);
                if seen.insert(outcome) && is_quick && at >= target.seeds.len() {
                    if kept.len() < KEPT {
                        kept.push(input);
                    } else {
                        let place = random.random_range(0..KEPT);
                        kept[place] = input;
                    }
                }
            }
            Err(law) => {
                let fault = Some(shrunk(target, law, input));
                return Search {
                    inputs,
                    outcomes: seen.len(),
                    fault,
                };
            }
        }
    }
    Search {
        inputs,
        outcomes: seen.len(),
        fault: None,
    }
}

/// The kind of an outcome, without what is only this input's.
fn outcome(target: &Target, input: &[u8]) -> Result<String, String> {
    quietly(true);
    let start = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(|| (target.check)(input)));
    quietly(false);
    if start.elapsed() > LONGEST {
        return Err(format!("it took longer than {} s", LONGEST.as_secs()));
    }
    match result {
        Ok(outcome) => outcome.map(|text| kind(&text)),
        Err(panic) => {
            let said = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            Err(format!("a panic: {}", said.unwrap_or_default()))
        }
    }
}

/// Keeps panics of this thread to itself: they are told as the law that was broken.
fn quietly(quiet: bool) {
    thread_local!(static QUIET: Cell<bool> = const { Cell::new(false) });
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !QUIET.get() {
                before(panic);
            }
        }));
    });
    QUIET.set(quiet);
}

/// A text's first letters, without what it quotes and what no word is made of.
fn kind(text: &str) -> String {
    let mut kind = String::new();
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match quote {
            Some(_) if letter == '\\' => drop(letters.next()),
            Some(open) if open == letter => quote = None,
            Some(_) => {}
            None if matches!(letter, '"' | '`') => quote = Some(letter),
            None if letter.is_ascii_alphabetic() || matches!(letter, ' ' | ',') => {
                kind.push(letter)
            }
            None => {}
        }
        if kind.len() > 100 {
            break;
        }
    }
    kind
}

/// Takes away what can be taken away while the same law stays broken.
fn shrunk(target: &Target, law: String, input: Vec<u8>) -> Fault {
    let end = Instant::now() + Duration::from_secs(20);
    let breaks = |input: &[u8]| {
        outcome(target, input)
            .err()
            .is_some_and(|other| kind(&other) == kind(&law))
    };
    let mut input = input;
    let mut piece = input.len().div_ceil(2);
    while piece > 0 && Instant::now() < end {
        let mut at = 0;
        let mut was_cut = false;
        while at < input.len() && Instant::now() < end {
            let mut shorter = input.clone();
            shorter.drain(at..(at + piece).min(input.len()));
            if breaks(&shorter) {
                input = shorter;
                was_cut = true;
            } else {
                at += piece;
            }
        }
        if piece == 1 && !was_cut {
            break;
        }
        piece = if piece == 1 { 1 } else { piece / 2 };
    }
    Fault { law, input }
}
