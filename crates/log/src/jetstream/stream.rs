//! The stream: made safe, or found safe, or refused.

use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, PersistenceMode, RetentionPolicy, StorageType,
};
use async_nats::jetstream::{Context, ErrorCode};

use super::{JetStreamConfig, unavailable};
use crate::{Error, RECORD_BYTES_MAX, partnership_subjects};

/// Longest message: a record and its headers.
const MESSAGE_BYTES_MAX: i32 = RECORD_BYTES_MAX as i32 + 64 * 1024;

/// Finds the partnership's stream or makes it, and sees that it is safe.
pub(super) async fn find_or_create(
    context: &Context,
    name: &str,
    config: &JetStreamConfig,
) -> Result<(), Error> {
    let subjects = partnership_subjects(&config.partnership)?;
    let found = match found(context, name).await? {
        Some(found) => found,
        None => {
            // Another node may be making it at this moment: what counts is what is there afterwards.
            let made = context
                .create_stream(safe_config(name, &subjects, config.replicas))
                .await;
            match found(context, name).await? {
                Some(found) => found,
                None => {
                    return Err(
                        made.map_or_else(unavailable, |_| unavailable("the stream is gone again"))
                    );
                }
            }
        }
    };
    let faults = stream_faults(&found, &subjects, config.replicas);
    if faults.is_empty() {
        return Ok(());
    }
    if config.allow_unsafe {
        tracing::warn!(
            stream = name,
            faults = faults.join("; "),
            "using a stream that is not safe for evidence"
        );
        return Ok(());
    }
    Err(Error::UnsafeStream {
        stream: name.to_owned(),
        faults,
    })
}

async fn found(context: &Context, name: &str) -> Result<Option<Config>, Error> {
    match context.get_stream(name).await {
        Ok(stream) => Ok(Some(stream.cached_info().config.clone())),
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(answer)
                if answer.error_code() == ErrorCode::STREAM_NOT_FOUND =>
            {
                Ok(None)
            }
            _ => Err(unavailable(error)),
        },
    }
}

/// A stream that only grows (wire.md 1).
fn safe_config(name: &str, subjects: &str, replicas: usize) -> Config {
    Config {
        name: name.to_owned(),
        subjects: vec![subjects.to_owned()],
        storage: StorageType::File,
        retention: RetentionPolicy::Limits,
        discard: DiscardPolicy::New,
        deny_delete: true,
        deny_purge: true,
        max_message_size: MESSAGE_BYTES_MAX,
        num_replicas: replicas,
        ..Default::default()
    }
}

/// What in a stream's settings permits that an acknowledged record goes away, is changed, or does not fit: one clause
/// each, empty if it is safe for evidence. Whether the servers sync before they acknowledge is not among a stream's
/// settings and cannot be told.
pub fn stream_faults(stream: &Config, subjects: &str, replicas: usize) -> Vec<String> {
    let message_bytes_max = stream.max_message_size;
    let wrong = [
        (
            !stream.subjects.iter().any(|listed| listed == subjects),
            format!("subjects do not include {subjects}"),
        ),
        (
            stream.storage != StorageType::File,
            "storage is not file".into(),
        ),
        (
            stream.persist_mode == Some(PersistenceMode::Async),
            "persist_mode is async".into(),
        ),
        (
            stream.num_replicas < replicas,
            format!("num_replicas is {}, not {replicas}", stream.num_replicas),
        ),
        (!stream.deny_delete, "deny_delete is off".into()),
        (!stream.deny_purge, "deny_purge is off".into()),
        (
            stream.discard != DiscardPolicy::New,
            "discard is not new".into(),
        ),
        (
            stream.retention != RetentionPolicy::Limits,
            "retention is not limits".into(),
        ),
        (!stream.max_age.is_zero(), "max_age is set".into()),
        (
            stream.max_messages_per_subject > 0 && !stream.discard_new_per_subject,
            "max_msgs_per_subject discards old messages".into(),
        ),
        (
            message_bytes_max > 0 && message_bytes_max < MESSAGE_BYTES_MAX,
            format!("max_msg_size is below {MESSAGE_BYTES_MAX}"),
        ),
        (stream.allow_rollup, "allow_rollup_hdrs is on".into()),
        (stream.allow_message_ttl, "allow_msg_ttl is on".into()),
        (
            stream.subject_delete_marker_ttl.is_some(),
            "subject_delete_marker_ttl is set".into(),
        ),
        (
            stream.allow_message_schedules,
            "allow_msg_schedules is on".into(),
        ),
        (
            stream.allow_message_counter,
            "allow_msg_counter is on".into(),
        ),
        (stream.no_ack, "no_ack is on".into()),
        (
            stream.mirror.is_some() || stream.sources.is_some(),
            "it copies another stream".into(),
        ),
        (
            stream.subject_transform.is_some(),
            "subject_transform is set".into(),
        ),
    ];
    wrong
        .into_iter()
        .filter(|(is_wrong, _)| *is_wrong)
        .map(|(_, fault)| fault)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SUBJECTS: &str = "concordat.v1.north.*";

    /// One setting of a safe stream changed, and the word of the fault that it must show as.
    fn check(change: impl FnOnce(&mut Config), fault: &str) {
        let mut config = safe_config("concordat-v1-north", SUBJECTS, 3);
        change(&mut config);
        let faults = stream_faults(&config, SUBJECTS, 3);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(
            faults[0].contains(fault),
            "{faults:?} does not name {fault}"
        );
    }

    #[test]
    fn stream_as_we_make_it_is_safe() {
        let config = safe_config("concordat-v1-north", SUBJECTS, 3);
        assert!(stream_faults(&config, SUBJECTS, 3).is_empty());
    }

    #[test]
    fn each_unsafe_setting_is_named() {
        check(
            |config| config.subjects = vec!["concordat.v1.south.*".into()],
            "subjects",
        );
        check(|config| config.storage = StorageType::Memory, "storage");
        check(
            |config| config.persist_mode = Some(PersistenceMode::Async),
            "persist_mode",
        );
        check(|config| config.num_replicas = 1, "num_replicas");
        check(|config| config.deny_delete = false, "deny_delete");
        check(|config| config.deny_purge = false, "deny_purge");
        check(|config| config.discard = DiscardPolicy::Old, "discard");
        check(
            |config| config.retention = RetentionPolicy::WorkQueue,
            "retention",
        );
        check(|config| config.max_age = Duration::from_secs(1), "max_age");
        check(
            |config| config.max_messages_per_subject = 5,
            "max_msgs_per_subject",
        );
        check(|config| config.max_message_size = 1024, "max_msg_size");
        check(|config| config.allow_rollup = true, "rollup");
        check(|config| config.allow_message_ttl = true, "ttl");
        check(|config| config.allow_message_schedules = true, "schedules");
        check(|config| config.allow_message_counter = true, "counter");
        check(|config| config.no_ack = true, "no_ack");
    }
}
