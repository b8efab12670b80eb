//! What a feed delivers as CloudEvents 1.0 JSON (<https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md>), for
//! whoever reads feeds by Server-Sent Events or has them posted by a relay.
//!
//! # Names
//!
//! | attribute | value |
//! |---|---|
//! | `type` | `uk.concordat.<event type>.v1`; the event type stays as it is: `uk.concordat.consent-granted.v1`. What the feed says itself is `uk.concordat.feed.<what>.v1` |
//! | `source` | `organisations/<code>` of whoever published it; `feeds/<feed>` for what the feed says itself. Together with `id` it is unique |
//! | `id` | the event's id, for life; the cursor for what the feed says itself |
//! | `subject` | `cases/<case id>`; absent for what is tied to no case |
//! | `time` | when it happened |
//! | `data` | canonical JSON of `EventBody`, as in every other JSON of the contract; absent if nothing of it may be read |
//!
//! The version is that of the shape of `data`. It stays `v1` as long as only fields are added.
//!
//! What else the envelope says is in extension attributes. Their names are those of the contract without underscores, since CloudEvents
//! allows small letters and digits only; their values are texts and booleans. An attribute without a value is absent, never null.

use prost_types::Timestamp;
use serde_json::{Map, Value};

use crate::v1::stream_feed_response::Content;
use crate::v1::{
    CaseSnapshot, Compartment, ContentAvailable, EventBody, EventEnvelope, FeedCount, FeedTest,
};
use crate::{descriptor, json, options};

/// The media type of one event in structured mode.
pub const MEDIA_TYPE: &str = "application/cloudevents+json";

/// What stands before and behind the event type in `type`.
const TYPE_PREFIX: &str = "uk.concordat.";
const TYPE_SUFFIX: &str = ".v1";

/// In which shape events are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shape {
    /// Strict CloudEvents 1.0 with the body in `data`.
    #[default]
    CloudEvents,
    /// As the Multicast Notification Service of NHS England writes its signals: no body, no extension attributes, but a `dataref` to read
    /// it by, and an object `filtering`. That object is why strict readers of CloudEvents refuse this shape.
    Mns,
}

/// Where an entry stands in a feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// The feed's name.
    pub feed: String,
    /// The cursor to commit once the entry is handled.
    pub cursor: String,
    /// Number of the entry in this feed and the digest up to it, if it has one.
    pub count: Option<FeedCount>,
}

/// The `type` of an event type: `consent-granted` is `uk.concordat.consent-granted.v1`.
pub fn type_of(event_type: &str) -> String {
    format!("{TYPE_PREFIX}{event_type}{TYPE_SUFFIX}")
}

/// The event type of a `type`; none if it is not one of ours, or is what a feed says itself.
pub fn event_type_of(cloud_type: &str) -> Option<&str> {
    let name = cloud_type
        .strip_prefix(TYPE_PREFIX)?
        .strip_suffix(TYPE_SUFFIX)?;
    (!name.is_empty() && !name.contains('.')).then_some(name)
}

/// An event of a feed. `place` is none for an event that was read without a feed.
///
/// # Errors
///
/// If an instant is outside the range that JSON can say.
pub fn event(
    envelope: &EventEnvelope,
    place: Option<&Place>,
    shape: Shape,
) -> Result<Value, serde_json::Error> {
    match shape {
        Shape::CloudEvents => strict(envelope, place),
        Shape::Mns => Ok(mns(envelope)),
    }
}

/// An entry of a feed, which is committed once it is handled; none if the message is a word of the stream about itself, such as a
/// heartbeat.
///
/// # Errors
///
/// If an instant is outside the range that JSON can say.
pub fn entry(
    content: &Content,
    feed: &str,
    shape: Shape,
) -> Result<Option<Value>, serde_json::Error> {
    let place = |cursor: &str, count: &Option<FeedCount>| Place {
        feed: feed.to_owned(),
        cursor: cursor.to_owned(),
        count: count.clone(),
    };
    Ok(Some(match content {
        Content::Event(entry) => {
            let envelope = entry.event.clone().unwrap_or_default();
            event(&envelope, Some(&place(&entry.cursor, &entry.count)), shape)?
        }
        Content::ContentAvailable(entry) => {
            content_available(entry, &place(&entry.cursor, &entry.count), shape)
        }
        Content::Snapshot(entry) => snapshot(entry, &place(&entry.cursor, &entry.count), shape)?,
        Content::FeedTest(entry) => test(entry, &place(&entry.cursor, &entry.count), shape),
        Content::Checkpoint(_)
        | Content::CaughtUp(_)
        | Content::FellBehind(_)
        | Content::Closing(_)
        | Content::ResyncRequired(_) => return Ok(None),
    }))
}

/// Content of earlier events of a case became readable: read them again.
fn content_available(available: &ContentAvailable, place: &Place, shape: Shape) -> Value {
    let mut said = Attributes::said_by_feed("content-available", place);
    said.text("subject", &case_subject(&available.case_id));
    let compartment = compartment_code(available.compartment);
    match shape {
        Shape::CloudEvents => {
            said.text("compartment", &compartment);
            said.place(place);
        }
        Shape::Mns => {
            said.text("dataref", &case_dataref(&available.case_id));
            said.filtering(&[
                ("caseid", &available.case_id),
                ("compartment", &compartment),
            ]);
        }
    }
    said.finish()
}

/// A case as it stood when the feed began; what comes behind it goes on from there.
fn snapshot(
    snapshot: &CaseSnapshot,
    place: &Place,
    shape: Shape,
) -> Result<Value, serde_json::Error> {
    let mut said = Attributes::said_by_feed("case-snapshot", place);
    let case = snapshot.joint_case.clone().unwrap_or_default();
    said.text("subject", &case_subject(&case.case_id));
    match shape {
        Shape::CloudEvents => {
            said.text("position", &snapshot.position);
            said.text("caseversion", &case.version);
            said.place(place);
            said.text("datacontenttype", "application/json");
            said.value("data", json::to_value(&case)?);
        }
        Shape::Mns => {
            said.text("dataref", &case_dataref(&case.case_id));
            said.text("versionid", &case.version);
            said.filtering(&[("caseid", &case.case_id)]);
        }
    }
    Ok(said.finish())
}

/// An entry that was made to test the way. It is marked in all shapes: nothing has happened.
fn test(test: &FeedTest, place: &Place, shape: Shape) -> Value {
    let mut said = Attributes::said_by_feed("test", place);
    said.text("id", &test.event_id);
    said.text("time", &instant(test.recorded_at.as_ref()));
    match shape {
        Shape::CloudEvents => {
            said.flag("test", true);
            said.place(place);
        }
        Shape::Mns => said.filtering(&[("organisation", &test.source), ("test", "true")]),
    }
    said.finish()
}

fn strict(envelope: &EventEnvelope, place: Option<&Place>) -> Result<Value, serde_json::Error> {
    let mut event = Attributes::of(envelope);
    event.text("id", &envelope.event_id);
    event.text("source", &format!("organisations/{}", envelope.source));
    event.text("type", &type_of(&envelope.type_name()));
    let ruling = envelope.ruling.clone().unwrap_or_default();
    for (name, value) in [
        ("position", envelope.position.as_str()),
        ("caseversion", &envelope.case_version),
        ("causationid", &envelope.causation_id),
        ("corrects", &envelope.corrects),
        ("traceparent", &envelope.traceparent),
        ("onbehalfof", &envelope.on_behalf_of),
        ("actorrole", &envelope.actor_role),
        ("actorid", &envelope.actor_id),
        ("backdatereason", &envelope.backdate_reason),
        ("reason", &ruling.reason),
        ("advice", &ruling.advice),
        ("warnings", &ruling.warnings.join(",")),
        ("emptylists", &envelope.empty_lists.join(",")),
        ("withheld", &compartment_codes(&envelope.withheld)),
        ("erased", &compartment_codes(&envelope.erased)),
        ("recordedat", &instant(envelope.recorded_at.as_ref())),
    ] {
        event.text(name, value);
    }
    if let Some(late_by) = &envelope.late_by {
        event.text("lateby", &late_by.to_string());
    }
    if envelope.ruling.is_some() {
        event.flag("effective", ruling.effective);
    }
    if envelope.historical {
        event.flag("historical", true);
    }
    if let Some(place) = place {
        event.place(place);
    }
    if let Some(body) = envelope.body.as_ref().filter(|body| body.kind.is_some()) {
        event.text("datacontenttype", "application/json");
        event.value("data", json::to_value(body)?);
    }
    Ok(event.finish())
}

/// <https://digital.nhs.uk/developer/api-catalogue/multicast-notification-service>: source in reverse-DNS form, type with a hyphen and its
/// version behind it.
fn mns(envelope: &EventEnvelope) -> Value {
    let mut event = Attributes::of(envelope);
    let organisation = envelope.source.replace(':', ".").to_ascii_lowercase();
    event.text("id", &envelope.event_id);
    event.text("source", &format!("{TYPE_PREFIX}{organisation}"));
    event.text("type", &format!("concordat-{}-1", envelope.type_name()));
    event.text("dataref", &event_dataref(envelope));
    event.text("versionid", &envelope.case_version);
    let ruling = envelope.ruling.clone().unwrap_or_default();
    let effective = if ruling.effective { "true" } else { "false" };
    event.filtering(&[
        ("organisation", &envelope.source),
        ("eventtype", &envelope.type_name()),
        ("caseid", &envelope.case_id),
        ("effective", effective),
        ("reason", &ruling.reason),
    ]);
    event.finish()
}

impl EventEnvelope {
    /// The event type; of a body that is set, if the envelope was made without one.
    fn type_name(&self) -> String {
        if !self.r#type.is_empty() {
            return self.r#type.clone();
        }
        let kind = self.body.as_ref().and_then(kind_of);
        kind.unwrap_or_else(|| "unknown".to_owned())
    }
}

/// The event type of a body, from the name of the message that is set.
fn kind_of(body: &EventBody) -> Option<String> {
    let value = json::to_value(body).ok()?;
    let (name, _) = value.as_object()?.iter().next()?;
    let field = descriptor::of::<EventBody>().get_field_by_json_name(name)?;
    Some(options::kebab(field.kind().as_message()?.name()))
}

/// Attributes on their way to JSON; what is empty is left out.
struct Attributes(Map<String, Value>);

impl Attributes {
    fn new() -> Self {
        let mut attributes = Self(Map::new());
        attributes.text("specversion", "1.0");
        attributes
    }

    /// What all shapes have in common.
    fn of(envelope: &EventEnvelope) -> Self {
        let mut event = Self::new();
        event.text("subject", &case_subject(&envelope.case_id));
        event.text("time", &instant(envelope.occurred_at.as_ref()));
        event
    }

    fn said_by_feed(what: &str, place: &Place) -> Self {
        let mut said = Self::new();
        said.text("id", &place.cursor);
        said.text("source", &format!("feeds/{}", place.feed));
        said.text("type", &type_of(&format!("feed.{what}")));
        said
    }

    /// Where it stands. `sequence` is the name that CloudEvents itself has for a number; of fixed width, so that the order of texts is that
    /// of numbers. A subscriber computes `digest` itself and compares.
    fn place(&mut self, place: &Place) {
        self.text("cursor", &place.cursor);
        self.text("feed", &place.feed);
        if let Some(count) = &place.count {
            self.text("sequence", &format!("{:020}", count.number));
            self.text("digest", &count.digest);
            self.text("generation", &count.generation.to_string());
        }
    }

    fn text(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.value(name, Value::from(value));
        }
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.value(name, Value::from(value));
    }

    fn filtering(&mut self, pairs: &[(&str, &str)]) {
        let set = pairs.iter().filter(|(_, value)| !value.is_empty());
        let object = set.map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
        self.value("filtering", Value::Object(object.collect()));
    }

    fn value(&mut self, name: &str, value: Value) {
        self.0.insert(name.to_owned(), value);
    }

    fn finish(self) -> Value {
        Value::Object(self.0)
    }
}

fn case_subject(case_id: &str) -> String {
    if case_id.is_empty() {
        return String::new();
    }
    format!("cases/{case_id}")
}

fn case_dataref(case_id: &str) -> String {
    if case_id.is_empty() {
        return String::new();
    }
    format!("/v1/cases/{case_id}")
}

/// Where the event can be read with the reader's own token.
fn event_dataref(envelope: &EventEnvelope) -> String {
    format!(
        "/v1/events/{}?source={}",
        envelope.event_id, envelope.source
    )
}

/// RFC 3339, as CloudEvents writes instants.
fn instant(at: Option<&Timestamp>) -> String {
    at.map(ToString::to_string).unwrap_or_default()
}

fn compartment_codes(numbers: &[i32]) -> String {
    let codes: Vec<String> = numbers
        .iter()
        .map(|number| compartment_code(*number))
        .collect();
    codes.join(",")
}

/// `social-care`, as the rest of the contract names it; the number, if this release does not know it.
fn compartment_code(number: i32) -> String {
    let known = Compartment::try_from(number).ok();
    let name = known.map(|compartment| compartment.as_str_name().replace("COMPARTMENT_", ""));
    name.map_or_else(
        || number.to_string(),
        |name| name.to_ascii_lowercase().replace('_', "-"),
    )
}

#[cfg(test)]
mod tests;
