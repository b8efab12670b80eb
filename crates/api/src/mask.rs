//! What a reading wants of an answer: `read_mask`, a `google.protobuf.FieldMask` over the fields of a message.

use std::collections::BTreeMap;

use concordat_proto::descriptor;
use prost::{Message, Name};
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, ReflectMessage, Value};
use prost_types::FieldMask;

use crate::failure::Failure;

/// Paths that a mask may name: more than a case has fields.
const PATHS_MAX: usize = 100;

/// The fields that are wanted, each with what is wanted of it; all, if none is named.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Mask(BTreeMap<String, Mask>);

impl Mask {
    /// Reads the mask of an answer with messages of type `M`. Every path that there is not is told at once.
    pub(crate) fn read<M: Name>(given: Option<&FieldMask>, field: &str) -> Result<Self, Failure> {
        let mut mask = Self::default();
        let paths = given.map(|mask| mask.paths.as_slice()).unwrap_or_default();
        if paths.len() > PATHS_MAX {
            return Err(Failure::field(field, "at most 100 paths"));
        }
        let descriptor = descriptor::of::<M>();
        let mut failure: Option<Failure> = None;
        let mut wants_all = false;
        for (index, path) in paths.iter().enumerate() {
            if path == "*" {
                wants_all = true;
            } else if let Err(what) = mask.add(&descriptor, path) {
                let at = format!("{field}.paths[{index}]");
                failure = Some(match failure {
                    None => Failure::field(&at, what),
                    Some(failure) => failure.and_field(&at, what),
                });
            }
        }
        match failure {
            Some(failure) => Err(failure),
            None if wants_all => Ok(Self::default()),
            None => Ok(mask),
        }
    }

    /// Adds a path; says what is expected, if there is none such.
    fn add(&mut self, descriptor: &MessageDescriptor, path: &str) -> Result<(), &'static str> {
        const UNKNOWN: &str = "a path of fields that the answer has, such as state or rules.packs";
        let (name, rest) = match path.split_once('.') {
            Some((name, rest)) => (name, Some(rest)),
            None => (path, None),
        };
        let field = descriptor.get_field_by_name(name).ok_or(UNKNOWN)?;
        let is_known = self.0.contains_key(name);
        let within = self.0.entry(name.to_owned()).or_default();
        let Some(rest) = rest else {
            // The whole field is wanted, whatever was named of it before.
            *within = Self::default();
            return Ok(());
        };
        if field.is_list() || field.is_map() {
            return Err("a list as the last of its path: it is answered whole or not at all");
        }
        let Kind::Message(inner) = field.kind() else {
            return Err(UNKNOWN);
        };
        if is_known && within.0.is_empty() {
            // The whole field is wanted already; the path has to be right all the same.
            return Self::default().add(&inner, rest);
        }
        within.add(&inner, rest)
    }

    /// The message with what is wanted of it, and nothing else.
    pub(crate) fn cut<M: Message + Name + Default>(&self, message: M) -> M {
        if self.0.is_empty() {
            return message;
        }
        let mut dynamic = DynamicMessage::new(descriptor::of::<M>());
        if dynamic.transcode_from(&message).is_err() {
            // A generated message has the encoding of its descriptor.
            return message;
        }
        self.clear(&mut dynamic);
        dynamic.transcode_to().unwrap_or(message)
    }

    fn clear(&self, message: &mut DynamicMessage) {
        for field in message.descriptor().fields() {
            match self.0.get(field.name()) {
                None => message.clear_field(&field),
                Some(within) if within.0.is_empty() => {}
                Some(within) => {
                    if message.has_field(&field)
                        && let Value::Message(inner) = message.get_field_mut(&field)
                    {
                        within.clear(inner);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use concordat_proto::v1;
    use prost_types::FieldMask;
    use tonic::Status;
    use tonic_types::StatusExt;

    use super::Mask;

    fn case() -> v1::Case {
        v1::Case {
            case_id: "ab".to_owned(),
            state: "received".to_owned(),
            parties: vec!["ods:ZT1".to_owned()],
            rules: Some(v1::PinnedRules {
                judging_rules: 1,
                packs: vec!["eng-2009@1".to_owned()],
                time_zone_release: "2026a".to_owned(),
            }),
            ..v1::Case::default()
        }
    }

    fn read(paths: &[&str]) -> Result<Mask, Status> {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        Mask::read::<v1::Case>(Some(&FieldMask { paths }), "read_mask").map_err(Status::from)
    }

    #[test]
    fn what_is_named_is_answered_and_nothing_else() {
        let cut = |paths: &[&str]| read(paths).expect("a mask").cut(case());
        assert_eq!(cut(&[]), case());
        assert_eq!(cut(&["state", "*"]), case());
        let state = v1::Case {
            state: "received".to_owned(),
            ..v1::Case::default()
        };
        assert_eq!(cut(&["state"]), state);
        assert_eq!(cut(&["state", "lead", "answer_by.due_date"]), state);
        let packs = v1::Case {
            rules: Some(v1::PinnedRules {
                packs: vec!["eng-2009@1".to_owned()],
                ..v1::PinnedRules::default()
            }),
            ..v1::Case::default()
        };
        assert_eq!(cut(&["rules.packs"]), packs);
        let rules = v1::Case {
            rules: case().rules,
            ..v1::Case::default()
        };
        for both in [["rules", "rules.packs"], ["rules.packs", "rules"]] {
            assert_eq!(cut(&both), rules, "{both:?}");
        }
    }

    #[test]
    fn every_path_that_there_is_not_is_told_with_its_place() {
        let wrong = [
            "state",
            "findings",
            "state.code",
            "rules.nothing",
            "deadlines.name",
            "",
            "rules.",
            "rules.packs.x",
        ];
        let refused = read(&wrong).expect_err("there are no such paths");
        let told = refused.get_details_bad_request().expect("fields");
        let told: Vec<String> = told
            .field_violations
            .into_iter()
            .map(|one| one.field)
            .collect();
        let places: Vec<String> = (1..wrong.len())
            .map(|index| format!("read_mask.paths[{index}]"))
            .collect();
        assert_eq!(told, places);
        assert!(read(&["rules", "rules.nothing"]).is_err());
    }
}
