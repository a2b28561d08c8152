//! Points at which a test may kill the process, to see what a power cut would leave.
//!
//! Every step of [`crate`] passes a point before and after it, and so does whatever else calls
//! [`point`]. In a release build a point is nothing. With debug assertions:
//!
//! | variable | effect |
//! |---|---|
//! | `MLOPS_CRASH_AT=n` | the process sends itself SIGKILL at the n-th point (the first is 1) |
//! | `MLOPS_CRASH_COUNT=file` | the file always holds the number of points passed |
//! | `MLOPS_CRASH_TRACE=file` | one line for each point: number and name |

/// Passes a crash point.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn point(_name: &str) {}

/// Passes a crash point.
#[cfg(debug_assertions)]
pub fn point(name: &str) {
    on::point(name);
}

#[cfg(debug_assertions)]
mod on {
    use std::io::Write;
    use std::sync::{LazyLock, Mutex, PoisonError};

    struct Plan {
        at: Option<u64>,
        count: Option<std::path::PathBuf>,
        trace: Option<std::fs::File>,
        passed: u64,
    }

    // One lock for number, file and death: with many threads the n-th point is still one point.
    static PLAN: LazyLock<Option<Mutex<Plan>>> = LazyLock::new(|| {
        let at = std::env::var("MLOPS_CRASH_AT")
            .ok()
            .and_then(|n| n.parse().ok());
        let count = std::env::var_os("MLOPS_CRASH_COUNT").map(Into::into);
        let trace = std::env::var_os("MLOPS_CRASH_TRACE").and_then(|path| {
            std::fs::File::options()
                .create(true)
                .append(true)
                .open(path)
                .ok()
        });
        (at.is_some() || count.is_some() || trace.is_some()).then(|| {
            Mutex::new(Plan {
                at,
                count,
                trace,
                passed: 0,
            })
        })
    });

    pub(super) fn point(name: &str) {
        let Some(plan) = PLAN.as_ref() else { return };
        let mut plan = plan.lock().unwrap_or_else(PoisonError::into_inner);
        plan.passed += 1;
        let passed = plan.passed;
        if let Some(path) = &plan.count {
            let _ = std::fs::write(path, passed.to_string());
        }
        if let Some(trace) = &mut plan.trace {
            // One call of the system, so that a trace of those shows one line.
            let _ = trace.write_all(format!("{passed} {name}\n").as_bytes());
        }
        if plan.at == Some(passed) {
            let _ = rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::KILL,
            );
            // The lock is kept, so that no other thread takes a step before the signal arrives.
            loop {
                std::thread::park();
            }
        }
    }
}
