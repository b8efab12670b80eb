use super::*;
use crate::compartment::Compartment;
use crate::grant::OfferSecret;

fn reference(id: u8) -> EventReference {
    EventReference {
        organisation: "ods:ZT1".parse().unwrap(),
        event_id: EventId([id; 16]),
        hash: EventHash([id; 32]),
    }
}

fn granted(alias: u32, number: u32) -> GrantedVersion {
    GrantedVersion {
        alias: Alias(alias),
        number,
        commitment: Commitment([1; 32]),
        created_by: reference(3),
    }
}

fn record(entry: KeyEntry) -> KeyRecord {
    KeyRecord {
        applied_count: 4,
        applied_hash: Hash([4; 32]),
        traceparent: String::new(),
        entry,
    }
}

fn version(number: u32, opens: Option<Line>) -> KeyVersion {
    KeyVersion {
        alias: Alias(7),
        number,
        commitment: Commitment([1; 32]),
        reason: KeyVersionReason::Renewal,
        opens,
        cause: Some(reference(2)),
    }
}

fn grant(versions: Vec<GrantedVersion>) -> KeyRecord {
    let recipient = "gss:E06999901".parse().unwrap();
    record(KeyEntry::Grant(Grant {
        recipient,
        offer: reference(5),
        basis: reference(6),
        versions,
    }))
}

const NOT_A_RECORD: Error = Error::BadContent("key record");

#[test]
fn records_read_back_as_they_were_written() {
    let strand = Line {
        compartment: Compartment::SocialCare,
        scope: Scope::Strand("s1".to_owned()),
    };
    let records = [
        record(KeyEntry::Version(version(2, None))),
        record(KeyEntry::Version(version(1, Some(strand)))),
        record(KeyEntry::Version(KeyVersion {
            cause: None,
            ..version(1, Some(Line::of(Compartment::Staff)))
        })),
        grant(vec![granted(7, 1), granted(7, 2), granted(9, 1)]),
    ];
    for record in records {
        assert_eq!(KeyRecord::decode(&record.encode()), Ok(record));
    }
}

#[test]
fn clear_parts_read_back_as_they_were_written() {
    let organisation: OrganisationId = "gss:E06999901".parse().unwrap();
    let invitation = ClearKeyPart::Invitation(Invitation {
        organisation: organisation.clone(),
        adding: reference(1),
    });
    let public_key = OfferSecret::from([1; 32]).public_key();
    let offer = ClearKeyPart::Offer(Offer {
        organisation,
        public_key,
        invitation: reference(2),
    });
    for part in [invitation, offer] {
        assert_eq!(ClearKeyPart::decode(&part.encode()), Ok(part));
    }
}

#[test]
fn only_the_first_version_of_a_line_says_what_the_line_is() {
    let silent_first = record(KeyEntry::Version(version(1, None)));
    let loud_second = record(KeyEntry::Version(version(
        2,
        Some(Line::of(Compartment::Staff)),
    )));
    let zero = record(KeyEntry::Version(version(0, None)));
    for record in [silent_first, loud_second, zero] {
        assert_eq!(KeyRecord::decode(&record.encode()), Err(NOT_A_RECORD));
    }
}

#[test]
fn a_grant_names_each_version_once_and_in_order() {
    let wrong = [
        vec![],
        vec![granted(7, 2), granted(7, 1)],
        vec![granted(7, 1), granted(7, 1)],
        vec![granted(0, 1)],
    ];
    for versions in wrong {
        assert_eq!(
            KeyRecord::decode(&grant(versions).encode()),
            Err(NOT_A_RECORD)
        );
    }
}

#[test]
fn bytes_that_are_not_strictly_encoded_are_refused() {
    let bytes = record(KeyEntry::Version(version(2, None))).encode();
    assert_eq!(
        KeyRecord::decode(&[&bytes[..], &[0xf8, 0x07, 0x01]].concat()),
        Err(NOT_A_RECORD)
    );
    assert_eq!(KeyRecord::decode(&[]), Err(NOT_A_RECORD));
    assert_eq!(
        ClearKeyPart::decode(&bytes),
        Err(Error::BadContent("clear key part"))
    );
}

#[test]
fn an_offer_with_an_invalid_key_is_refused() {
    let part = v1::ClearKeyPart {
        record: Some(v1::clear_key_part::Record::Offer(v1::Offer {
            organisation: "ods:ZT1".to_owned(),
            public_key: vec![0xff; 1216],
            invitation: Some((&reference(1)).into()),
        })),
    };
    assert!(ClearKeyPart::decode(&part.encode_to_vec()).is_err());
}
