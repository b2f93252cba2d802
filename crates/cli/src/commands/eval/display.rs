//! A bar for runs that take their time.

use std::io::IsTerminal;

use contexture_evaluate::Progress;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

pub(super) fn bar(quiet: bool) -> ProgressBar {
    if quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(8));
    let style = ProgressStyle::with_template("{msg:16}  {wide_bar} {pos}/{len}  {elapsed} + {eta}");
    bar.set_style(style.expect("the template is constant and right"));
    bar
}

pub(super) fn show(bar: &ProgressBar, progress: Progress) {
    if bar.message() != progress.stage {
        bar.reset_eta();
        bar.set_message(progress.stage);
    }
    if bar.length() != Some(progress.total) {
        bar.set_length(progress.total);
    }
    bar.set_position(progress.done);
}
