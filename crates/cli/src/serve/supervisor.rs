//! Words to systemd, where it started the node (`Type=notify`); elsewhere they go nowhere.

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Calls are taken.
    Ready,
    /// No further calls are taken; the end comes by itself.
    Stopping,
}

/// Tells it. A supervisor that cannot be told is no reason to stop.
pub(super) fn tell(state: State) {
    let state = match state {
        State::Ready => sd_notify::NotifyState::Ready,
        State::Stopping => sd_notify::NotifyState::Stopping,
    };
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the supervisor cannot be told"
        );
    }
}
