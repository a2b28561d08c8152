//! How far a command is that takes long: a bar on standard error, with an estimate of what is left.

use std::borrow::Cow;
use std::io::IsTerminal;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::Output;

/// Who is ready within this time needs no bar.
const QUIET: Duration = Duration::from_secs(2);
const TICK: Duration = Duration::from_millis(200);

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes of a file.
    Bytes,
    /// Rows, trials, or whatever the bar's text names.
    Items,
    /// Steps of any length: how many are done says nothing of the time that is left.
    Steps,
    /// Work of which only the share that is done says something.
    Share,
    /// Nothing that can be counted: only the time that has passed is shown.
    Time,
}

/// A bar that appears if the work takes longer than two seconds, and goes when it is dropped. Only on a terminal,
/// and not with `--json`: a program reads then.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    /// Dropped with the bar: whoever waits to show it gives up.
    _waiting: Option<mpsc::Sender<()>>,
}

impl Output {
    /// A bar for what takes long.
    pub fn progress(&self, what: impl Into<Cow<'static, str>>, unit: Unit) -> Progress {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
        bar.set_message(what);
        let bar = match ProgressStyle::with_template(unit.template()) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        };
        let is_shown = !self.is_json() && std::io::stderr().is_terminal();
        Progress {
            _waiting: is_shown.then(|| show_later(bar.clone())),
            bar,
        }
    }
}

impl Unit {
    fn template(self) -> &'static str {
        match self {
            Unit::Bytes => "{msg} {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
            Unit::Items => "{msg} {wide_bar} {pos} of {len}, {eta} left",
            Unit::Steps => "{msg} {wide_bar} {pos} of {len}, {elapsed} so far",
            Unit::Share => "{msg} {wide_bar} {percent} %, {eta} left",
            Unit::Time => "{spinner} {msg}, {elapsed} so far",
        }
    }
}

fn show_later(bar: ProgressBar) -> mpsc::Sender<()> {
    let (sender, dropped) = mpsc::channel();
    std::thread::spawn(move || {
        if dropped.recv_timeout(QUIET) == Err(RecvTimeoutError::Timeout) {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(TICK);
        }
    });
    sender
}

impl Progress {
    /// Says how much was done by an earlier run, which the estimate must not count, and how much there is.
    pub fn start_at(&self, done: u64, total: u64) {
        self.to(done, total);
        self.bar.reset_eta();
    }

    /// Says that one more is done; from any thread.
    pub fn one_more(&self) {
        self.bar.inc(1);
    }

    /// Says, of a number that another thread is told, what is going on.
    pub fn teller<F>(&self, say: F) -> impl Fn(usize) + Send + Sync + use<F>
    where
        F: Fn(usize) -> String + Send + Sync,
    {
        let bar = self.bar.clone();
        move |number| bar.set_message(say(number))
    }

    /// Draws nothing while something else is printed.
    pub fn hidden_while<T>(&self, act: impl FnOnce() -> T) -> T {
        self.bar.suspend(act)
    }

    /// Says what else is to be told.
    pub fn say(&self, what: String) {
        self.bar.set_message(what);
    }

    /// Says how much of how much is done; from any thread, in any order.
    pub fn to(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;

    /// A terminal of 100 columns that keeps what it was last sent.
    #[derive(Debug, Clone, Default)]
    struct Terminal(Arc<Mutex<String>>);

    impl Terminal {
        fn line(&self) -> String {
            self.0.lock().unwrap().clone()
        }
    }

    impl TermLike for Terminal {
        fn width(&self) -> u16 {
            100
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_is_counted_is_shown_with_its_estimate() {
        for (unit, words) in [
            (Unit::Items, ["rows", "40 of 100", "left"]),
            (Unit::Bytes, ["rows", "40 B of 100 B", "left"]),
            (Unit::Steps, ["rows", "40 of 100", "so far"]),
            (Unit::Share, ["rows", "40 %", "left"]),
            (Unit::Time, ["rows", "0s", "so far"]),
        ] {
            let terminal = Terminal::default();
            let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
            let style = ProgressStyle::with_template(unit.template()).unwrap();
            let bar = ProgressBar::with_draw_target(Some(100), target).with_style(style);
            bar.set_message("rows");
            bar.set_position(40);
            bar.tick();
            let shown = terminal.line();
            assert!(words.iter().all(|word| shown.contains(word)), "{shown}");
        }
    }

    #[test]
    fn a_program_that_reads_is_shown_no_bar() {
        let progress = Output::new(true).progress("rows", Unit::Items);
        progress.to(3, 10);
        assert!(progress._waiting.is_none() && progress.bar.is_hidden());
        assert_eq!(progress.bar.position(), 3);
    }
}
