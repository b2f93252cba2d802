//! Bars on standard error, where that is a terminal.

use std::time::Duration;

use contexture::hub::{Progress, Stage};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows a pull: a line that says what comes from where, then a bar.
pub(crate) struct PullDisplay {
    bar: ProgressBar,
    quiet: bool,
}

impl PullDisplay {
    pub(crate) fn new(quiet: bool) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style =
            ProgressStyle::with_template("  {msg:32!} {bar:30} {bytes}/{total_bytes} {eta}");
        bar.set_style(style.expect("the template is constant and right"));
        Self { bar, quiet }
    }

    pub(crate) fn show(&mut self, progress: Progress<'_>) {
        match progress.stage {
            Stage::Announce | Stage::Waiting if !self.quiet => {
                self.bar.suspend(|| eprintln!("contexture: {}", progress.text));
            }
            Stage::Download | Stage::Unpack => {
                if let Some(total) = progress.bytes_total {
                    self.bar.set_length(total);
                }
                self.bar.set_position(progress.bytes_done);
                self.bar.set_message(progress.text.to_owned());
            }
            _ => {}
        }
    }

    pub(crate) fn finish(self) {
        self.bar.finish_and_clear();
    }
}

/// Texts per second and what is left, by the share of the input that was read.
pub(crate) fn texts_bar(total_bytes: Option<u64>, quiet: bool) -> ProgressBar {
    if quiet {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(total_bytes, ProgressDrawTarget::stderr_with_hz(8));
    let template = match total_bytes {
        Some(_) => "{msg}  {wide_bar} {percent:>3}%  {elapsed} + {eta} left",
        None => "{msg}  {spinner} {elapsed}",
    };
    bar.set_style(ProgressStyle::with_template(template).expect("both templates are right"));
    bar
}

/// `1,234.5 texts/s` beside the count.
pub(crate) fn rate(texts: u64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs_f64().max(1e-9);
    format!("{texts} texts, {:.0} texts/s", texts as f64 / seconds)
}
