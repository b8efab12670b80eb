use concordat_domain::ids::{CaseId, EventId};
use proptest::prelude::*;

use super::*;
use crate::digest::EventHash;
use crate::envelope::{CaseLink, Class, ReadyPart, Suite};

fn key() -> SigningKey {
    SigningKey::from_seed(&[1; 32])
}

fn place() -> Place {
    Place {
        partnership: PartnershipId([5; 32]),
        organisation: "ods:ZT1".parse().unwrap(),
        directory_version: 1,
        seq: 1,
        prev: BundleHash::ZERO,
        seen: Seen {
            generation: 1,
            size: 0,
            root: sha256(&[]),
        },
        claimed_time: "2026-03-02T09:00:00.123Z".parse().unwrap(),
    }
}

fn event(id: u8, parts: &[&[u8]]) -> Envelope {
    let link = CaseLink {
        case: CaseId([7; 16]),
        seq: 1,
        prev: EventHash::ZERO,
    };
    let part = |(alias, bytes): (u32, &&[u8])| ReadyPart {
        alias,
        key_version: 1,
        suite: Suite::Line,
        bytes: bytes.to_vec(),
    };
    Envelope::assemble(
        EventId([id; 16]),
        Class::Event(link),
        (1..).zip(parts).map(part).collect(),
    )
    .unwrap()
}

fn bundle() -> Bundle {
    Bundle::sign(
        place(),
        vec![event(1, &[b"process", b"health"]), event(2, &[b"other"])],
        &key(),
    )
    .unwrap()
}

/// The bundle as a message, for tests that change something in it.
fn message() -> v1::Bundle {
    v1::Bundle::decode(bundle().to_record().as_slice()).unwrap()
}

fn parse(message: &v1::Bundle) -> Result<Bundle, Malformed> {
    Bundle::parse(&message.encode_to_vec())
}

fn with_header(change: impl FnOnce(&mut v1::BundleHeader)) -> Result<Bundle, Malformed> {
    let mut message = message();
    let mut header = v1::BundleHeader::decode(message.header.as_slice()).unwrap();
    change(&mut header);
    message.header = header.encode_to_vec();
    parse(&message)
}

/// Changes the first envelope's header and signs the result, so that only the envelope is wrong.
fn with_envelope_header(change: impl FnOnce(&mut v1::EnvelopeHeader)) -> Result<Bundle, Malformed> {
    let mut message = message();
    let mut header = v1::EnvelopeHeader::decode(message.envelopes[0].header.as_slice()).unwrap();
    change(&mut header);
    message.envelopes[0].header = header.encode_to_vec();
    parse(&message)
}

#[test]
fn a_record_reads_back_as_the_bundle_that_was_signed() {
    let signed = bundle();
    let read = Bundle::parse(&signed.to_record()).unwrap();
    assert_eq!(read, signed);
    assert_eq!(read.to_record(), signed.to_record());
    assert_eq!(read.verify(&key().public_key()), Ok(()));
    assert_eq!(
        read.verify(&SigningKey::from_seed(&[2; 32]).public_key()),
        Err(Invalid::Signature)
    );
}

#[test]
fn a_head_has_no_envelopes_and_the_root_of_nothing() {
    let head = Bundle::sign(place(), Vec::new(), &key()).unwrap();
    assert!(Bundle::parse(&head.to_record()).unwrap().is_head());
    assert_eq!(head.header().envelopes_root, sha256(&[]));
}

#[test]
fn the_signature_is_not_in_the_hash() {
    let mut message = message();
    message.signature = vec![0; 64];
    assert_eq!(parse(&message).unwrap().hash(), bundle().hash());
}

#[test]
fn a_clock_before_1970_claims_the_earliest_time() {
    let early = Place {
        claimed_time: "1960-01-01T00:00:00Z".parse().unwrap(),
        ..place()
    };
    let signed = Bundle::sign(early, Vec::new(), &key()).unwrap();
    assert_eq!(signed.header().place.claimed_time, Timestamp::UNIX_EPOCH);
    assert_eq!(Bundle::parse(&signed.to_record()), Ok(signed));
}

#[test]
fn a_header_field_of_the_wrong_shape_is_refused() {
    let changes: [fn(&mut v1::BundleHeader); 13] = [
        |header| header.format = 2,
        |header| header.partnership.truncate(31),
        |header| header.organisation = "nhs:ZT1".to_owned(),
        |header| header.organisation.clear(),
        |header| header.key_id.push(0),
        |header| header.directory_version = 0,
        |header| header.seq = 0,
        |header| header.prev.clear(),
        |header| header.seen = None,
        |header| header.seen.as_mut().unwrap().generation = 0,
        |header| header.seen.as_mut().unwrap().root.clear(),
        |header| header.claimed_time_ms = u64::MAX,
        |header| header.envelopes_root.truncate(16),
    ];
    for (place, change) in changes.into_iter().enumerate() {
        assert_eq!(
            with_header(change),
            Err(Malformed::Header),
            "change {place}"
        );
    }
}

#[test]
fn a_header_that_is_not_strictly_encoded_is_refused() {
    let strict = message();
    let mutations: [fn(&mut Vec<u8>); 5] = [
        |header| drop(header.splice(0..0, [0x08, 0x01])),
        |header| header.extend([0xf8, 0x07, 0x01]),
        |header| drop(header.splice(1..2, [0x81, 0x00])),
        |header| header.rotate_left(2),
        |header| header.push(0),
    ];
    for (place, mutate) in mutations.into_iter().enumerate() {
        let mut message = strict.clone();
        mutate(&mut message.header);
        assert_eq!(parse(&message), Err(Malformed::Header), "mutation {place}");
    }
}

#[test]
fn a_frame_that_is_not_strictly_encoded_is_refused() {
    let record = bundle().to_record();
    assert_eq!(
        Bundle::parse(&[&record[..], &[0xf8, 0x07, 0x01]].concat()),
        Err(Malformed::Frame)
    );
    assert_eq!(
        Bundle::parse(&record[..record.len() - 1]),
        Err(Malformed::Frame)
    );
    assert_eq!(Bundle::parse(b"junk"), Err(Malformed::Frame));
    assert_eq!(
        Bundle::parse(&vec![0; RECORD_BYTES_MAX + 1]),
        Err(Malformed::RecordTooLong)
    );
}

#[test]
fn a_signature_of_another_length_is_refused() {
    let mut message = message();
    message.signature.pop();
    assert_eq!(parse(&message), Err(Malformed::SignatureLength));
}

#[test]
fn an_envelope_left_out_added_or_moved_is_refused() {
    let mut short = message();
    short.envelopes.pop();
    assert_eq!(parse(&short), Err(Malformed::EnvelopeCount));
    let mut long = message();
    long.envelopes.push(long.envelopes[0].clone());
    assert_eq!(parse(&long), Err(Malformed::EnvelopeCount));
    let mut swapped = message();
    swapped.envelopes.swap(0, 1);
    assert_eq!(parse(&swapped), Err(Malformed::EnvelopesRoot));
}

#[test]
fn an_envelope_header_of_the_wrong_shape_is_refused() {
    let changes: [fn(&mut v1::EnvelopeHeader); 9] = [
        |header| header.event_id.pop().map_or((), drop),
        |header| header.class = 0,
        |header| header.class = 4,
        |header| header.case_id.clear(),
        |header| header.case_seq = 0,
        |header| header.case_prev.clear(),
        |header| header.parts[0].suite = 0,
        |header| header.parts[0].suite = 9,
        |header| header.parts[0].hash.clear(),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        assert_eq!(
            with_envelope_header(change),
            Err(Malformed::EnvelopeHeader { place: 0 }),
            "change {at}"
        );
    }
    let with_case =
        with_envelope_header(|header| header.class = v1::EnvelopeClass::Partnership.into());
    assert_eq!(with_case, Err(Malformed::EnvelopeHeader { place: 0 }));
}

#[test]
fn a_class_with_parts_that_it_may_not_have_is_refused() {
    let changes: [fn(&mut v1::EnvelopeHeader); 6] = [
        |header| header.parts.clear(),
        |header| header.parts[0].suite = v1::PartSuite::Clear.into(),
        |header| header.parts[0].alias = 0,
        |header| header.parts[0].key_version = 0,
        |header| header.parts[0].schema_version = 0,
        |header| header.class = v1::EnvelopeClass::Key.into(),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        assert_eq!(
            with_envelope_header(change),
            Err(Malformed::Parts),
            "change {at}"
        );
    }
}

#[test]
fn a_changed_envelope_header_is_not_under_the_root() {
    assert_eq!(
        with_envelope_header(|header| header.case_seq = 2),
        Err(Malformed::EnvelopesRoot)
    );
}

#[test]
fn part_zero_must_be_there_and_match() {
    let mut absent = message();
    absent.envelopes[0].parts.remove(0);
    assert_eq!(parse(&absent), Err(Malformed::PartZero { place: 0 }));
    let mut changed = message();
    changed.envelopes[1].parts[0].data[0] ^= 1;
    assert_eq!(parse(&changed), Err(Malformed::PartZero { place: 1 }));
}

#[test]
fn another_part_that_is_absent_or_does_not_match_is_left_out_and_changes_nothing_else() {
    let mut absent = message();
    absent.envelopes[0].parts.remove(1);
    let absent = parse(&absent).unwrap();
    let mut changed = message();
    changed.envelopes[0].parts[1].data[0] ^= 1;
    let changed = parse(&changed).unwrap();
    assert_eq!(absent, changed);
    assert_eq!(absent.hash(), bundle().hash());
    assert_eq!(
        absent.envelopes()[0].missing_parts().collect::<Vec<_>>(),
        [1]
    );
    assert!(!absent.is_complete());
}

#[test]
fn parts_out_of_order_twice_or_unnamed_are_refused() {
    let mut swapped = message();
    swapped.envelopes[0].parts.swap(0, 1);
    let mut twice = message();
    let first = twice.envelopes[0].parts[0].clone();
    twice.envelopes[0].parts.insert(0, first);
    let mut unnamed = message();
    unnamed.envelopes[0].parts[1].index = 2;
    for message in [swapped, twice, unnamed] {
        assert_eq!(parse(&message), Err(Malformed::PartOrder { place: 0 }));
    }
}

#[test]
fn missing_parts_are_taken_from_a_copy_and_from_nothing_else() {
    let whole = bundle();
    let mut stripped = whole.clone();
    stripped.drop_content(|_| true);
    assert!(!stripped.is_complete());
    let other = Bundle::sign(
        Place { seq: 2, ..place() },
        whole.envelopes().to_vec(),
        &key(),
    )
    .unwrap();
    assert_eq!(stripped.take_parts(&other), 0);
    assert_eq!(stripped.take_parts(&whole), 1);
    assert_eq!(stripped, whole);
    assert_eq!(stripped.take_parts(&whole), 0);
}

#[test]
fn an_envelope_shows_its_place_under_the_signed_root_alone() {
    let bundle = bundle();
    for (index, envelope) in (0..).zip(bundle.envelopes()) {
        let proof = bundle.inclusion_proof(index).unwrap();
        let leaf = merkle::leaf_hash(envelope.hash().as_bytes());
        assert!(merkle::verify_inclusion(
            &leaf,
            index.into(),
            2,
            &proof,
            &bundle.header().envelopes_root
        ));
    }
    assert_eq!(bundle.inclusion_proof(2), None);
}

fn taken(envelopes: &[Envelope]) -> usize {
    let mut room = Room::default();
    let fit = envelopes
        .iter()
        .take_while(|envelope| room.take(std::slice::from_ref(*envelope)));
    fit.count()
}

#[test]
fn a_bundle_takes_what_fits_and_no_more() {
    let many: Vec<Envelope> = (0..300_u16)
        .map(|id| event(u8::try_from(id % 200).unwrap(), &[b"x"]))
        .collect();
    assert_eq!(taken(&many), ENVELOPES_MAX);
    assert_eq!(
        Bundle::sign(place(), many.clone(), &key()),
        Err(Error::TooLarge)
    );
    let full = Bundle::sign(place(), many[..ENVELOPES_MAX].to_vec(), &key()).unwrap();
    assert!(Bundle::parse(&full.to_record()).is_ok());

    let big = vec![7; 100 * 1024];
    let large: Vec<Envelope> = (0..8).map(|id| event(id, &[&big])).collect();
    assert_eq!(taken(&large), 5);
    assert!(!Room::default().take(&large), "all or none");
    let record = Bundle::sign(place(), large[..5].to_vec(), &key())
        .unwrap()
        .to_record();
    assert!(record.len() <= RECORD_BYTES_MAX);
    assert!(Bundle::parse(&record).is_ok());
}

#[test]
fn the_format_can_be_read_off_any_record() {
    assert_eq!(peek_format(&bundle().to_record()), Some(1));
    let mut later = message();
    later.header.splice(1..2, [0x82, 0x03]);
    assert_eq!(peek_format(&later.encode_to_vec()), Some(386));
    for junk in [
        &b""[..],
        b"\x0a",
        b"\x0a\x05\x08",
        b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x08\x01",
        b"junk",
    ] {
        assert_eq!(peek_format(junk), None);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_parsing_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = Bundle::parse(&bytes);
        let _ = peek_format(&bytes);
    }

    /// Whatever single byte of a record is changed: it is refused, or the change is in the signature or in a part that is then
    /// left out. The header that was signed is never read differently.
    #[test]
    fn a_changed_byte_is_refused_or_left_out(at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let whole = bundle();
        let mut record = whole.to_record();
        let at = at.index(record.len());
        record[at] ^= flip;
        if let Ok(read) = Bundle::parse(&record) {
            let same_signature = read.signature() == whole.signature();
            let same_hash = read.hash() == whole.hash();
            prop_assert!(!same_signature || !same_hash || !read.is_complete());
            prop_assert!(same_hash || read.verify(&key().public_key()).is_err());
        }
    }
}

#[test]
fn room_reserved_for_an_event_is_enough_and_not_much_more() {
    for lengths in [vec![1], vec![300, 5_000], vec![70_000; 7]] {
        let parts: Vec<Vec<u8>> = lengths
            .iter()
            .map(|length| vec![7; crate::seal::sealed_len(*length)])
            .collect();
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        let takes = event(1, &parts).encoded_len();
        let reserved = event_bytes_max(lengths.iter().copied());
        assert!(
            takes <= reserved && reserved <= takes + 256 + 128 * lengths.len(),
            "{lengths:?}: {takes} of {reserved}"
        );
    }
}
