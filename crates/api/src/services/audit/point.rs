//! What a request says of a point of the log.

use concordat_node::audit::{Known, Point};
use concordat_proto::v1;

use crate::failure::Failure;
use crate::read;

/// A point of a comparison; `path` stands before the names of its fields.
pub(super) fn of(point: Option<&v1::ComparePoint>, path: &str) -> Result<Point, Failure> {
    match point {
        None => Ok(Point::default()),
        Some(point) => read(point.known.as_ref(), point.valid_at.as_ref(), path),
    }
}

/// What was known, and the instant at which deadlines are read.
pub(super) fn read(
    known: Option<&v1::Known>,
    valid_at: Option<&prost_types::Timestamp>,
    path: &str,
) -> Result<Point, Failure> {
    Ok(Point {
        known: self::known(known, path)?,
        valid_at: read::instant(valid_at, &format!("{path}valid_at"))?,
    })
}

/// What was known.
pub(super) fn known(known: Option<&v1::Known>, path: &str) -> Result<Known, Failure> {
    let Some(known) = known else {
        return Ok(Known::Head);
    };
    let position = read::position(&known.position, &format!("{path}known.position"))?;
    let time = read::instant(known.time.as_ref(), &format!("{path}known.time"))?;
    match (position, time) {
        (None, None) => Ok(Known::Head),
        (Some(position), None) => Ok(Known::Position(position)),
        (None, Some(time)) => Ok(Known::Time(time)),
        (Some(_), Some(_)) => Err(Failure::field(
            &format!("{path}known.time"),
            "a position is given already; give one of the two",
        )),
    }
}
