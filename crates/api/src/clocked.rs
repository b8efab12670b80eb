//! The time that a caller gives a call, read from `grpc-timeout`.

use std::time::Duration;

use tonic::metadata::MetadataMap;

/// Part of the caller's time that is kept for the way back.
const WAY_BACK: u32 = 10;

/// How long a call may wait: nine tenths of what the caller gives it, and at most `limit`.
pub(crate) fn wait_at_most(metadata: &MetadataMap, limit: Duration) -> Duration {
    timeout(metadata).map_or(limit, |given| (given - given / WAY_BACK).min(limit))
}

/// The value of `grpc-timeout`: up to eight digits and a unit (gRPC over HTTP/2, "Timeout").
fn timeout(metadata: &MetadataMap) -> Option<Duration> {
    let header = metadata.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = header.split_at_checked(header.len().checked_sub(1)?)?;
    let number: u64 = digits.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number.checked_mul(3600)?)),
        "M" => Some(Duration::from_secs(number.checked_mul(60)?)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic::metadata::MetadataMap;

    use super::wait_at_most;

    #[test]
    fn caller_decides_up_to_the_limit() {
        let limit = Duration::from_secs(2);
        let wait = |header: Option<&str>| {
            let mut metadata = MetadataMap::new();
            if let Some(header) = header {
                metadata.insert("grpc-timeout", header.parse().expect("a header value"));
            }
            wait_at_most(&metadata, limit)
        };
        assert_eq!(wait(None), limit);
        assert_eq!(wait(Some("1000m")), Duration::from_millis(900));
        assert_eq!(wait(Some("1H")), limit);
        assert_eq!(wait(Some("soon")), limit);
    }
}
