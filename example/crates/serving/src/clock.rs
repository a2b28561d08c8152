//! The clock of the service, and whether it may be believed.

use std::time::{Duration, Instant, SystemTime};

use crate::{Result, ServingError};

/// What tells the time: handed in, so that a test or a simulation owns it.
pub type WallClock = Box<dyn Fn() -> SystemTime + Send + Sync>;

/// So far a clock may be set back while the service runs. Within it, observations keep their order: see
/// [`Online`](crate::Online).
const SET_BACK_AT_MOST: Duration = Duration::from_hours(24);

/// A clock that remembers when it was started.
pub(crate) struct Clock {
    wall: WallClock,
    started: (SystemTime, Instant),
}

impl Clock {
    pub(crate) fn start(wall: WallClock) -> Clock {
        let started = (wall(), Instant::now());
        Clock { wall, started }
    }

    /// What time it is.
    ///
    /// # Errors
    /// If the clock was set back far: past days would be taken for future ones. (A clock set forward is the
    /// rule after a pause of the machine.)
    pub(crate) fn now(&self) -> Result<SystemTime> {
        let now = (self.wall)();
        let (wall, monotonic) = self.started;
        let expected = wall + monotonic.elapsed();
        match expected.duration_since(now) {
            Ok(behind) if behind > SET_BACK_AT_MOST => Err(ServingError::Clock {
                message: format!(
                    "it was set back by {} days while the service ran: correct it; if it was ahead and is right now, restart the service",
                    behind.as_secs() / (24 * 60 * 60)
                ),
            }),
            _ => Ok(now),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn a_clock_may_be_set_back_by_hours_but_not_by_days() {
        let seconds = Arc::new(AtomicU64::new(1_000_000_000));
        let told = Arc::clone(&seconds);
        let clock = Clock::start(Box::new(move || {
            SystemTime::UNIX_EPOCH + Duration::from_secs(told.load(Ordering::SeqCst))
        }));
        for good in [1_000_000_000, 999_996_400, 1_900_000_000] {
            seconds.store(good, Ordering::SeqCst);
            assert!(clock.now().is_ok(), "{good}");
        }
        for bad in [999_900_000, 0] {
            seconds.store(bad, Ordering::SeqCst);
            assert!(clock.now().is_err(), "{bad}");
        }
    }
}
