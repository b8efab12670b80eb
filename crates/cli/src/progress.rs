//! How far long work is: a bar on standard error, on a terminal only. Elsewhere nothing is printed, so logs and pipes stay clean.

use std::borrow::Cow;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a bar without steps shows that it is alive.
const BEAT: Duration = Duration::from_millis(120);

/// A bar. Gone from the screen when dropped: what was done is said by the answer.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    /// Work of so many steps. `what` says what the steps are, such as `worked cases`.
    pub(crate) fn of(total: u64, what: impl Into<Cow<'static, str>>) -> Self {
        // Draws nothing where standard error is no terminal.
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        Self(styled(bar, "{msg} {wide_bar} {pos}/{len} {eta}").with_message(what.into()))
    }

    /// Work whose length is not known.
    pub(crate) fn open(what: impl Into<Cow<'static, str>>) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let bar = styled(bar, "{spinner} {msg} {pos} {elapsed}").with_message(what.into());
        bar.enable_steady_tick(BEAT);
        Self(bar)
    }

    /// So many further steps are done.
    pub(crate) fn step(&self, steps: u64) {
        self.0.inc(steps);
    }
}

fn styled(bar: ProgressBar, template: &str) -> ProgressBar {
    // The templates are ours; one that is wrong gives a plain bar.
    let style = ProgressStyle::with_template(template);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
