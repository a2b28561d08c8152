use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use mlops_versioning::Progress;

/// A bar on standard error, if that is a terminal.
pub(super) struct Bar {
    bar: ProgressBar,
    bytes: std::sync::atomic::AtomicBool,
}

impl Bar {
    pub(super) fn new(quiet: bool) -> Bar {
        let target = if quiet {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(10)
        };
        let all = MultiProgress::with_draw_target(target);
        let bar = all.add(ProgressBar::hidden());
        bar.enable_steady_tick(Duration::from_millis(200));
        Bar {
            bar,
            bytes: false.into(),
        }
    }

    /// Nothing is drawn over what is asked meanwhile.
    pub(super) fn hidden_while<T>(&self, act: impl FnOnce() -> T) -> T {
        self.bar.suspend(act)
    }

    pub(super) fn tell(&self, progress: Progress) {
        use std::sync::atomic::Ordering::Relaxed;
        match progress {
            Progress::Begin { what, files, bytes } => {
                // Files of some size are counted in bytes, many small ones as files.
                let by_bytes = bytes > files.saturating_mul(64 << 10);
                self.bytes.store(by_bytes, Relaxed);
                let (length, form) = if by_bytes {
                    (
                        bytes,
                        "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
                    )
                } else {
                    (files, "{msg} {wide_bar} {pos}/{len} files {per_sec} {eta}")
                };
                self.bar.reset();
                self.bar.set_length(length);
                self.bar.set_message(what);
                if let Ok(style) = ProgressStyle::with_template(form) {
                    self.bar.set_style(style);
                }
            }
            Progress::Done { files, bytes } => {
                self.bar.inc(if self.bytes.load(Relaxed) {
                    bytes
                } else {
                    files
                });
            }
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
