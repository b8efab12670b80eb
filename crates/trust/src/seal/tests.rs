use proptest::prelude::*;
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;

struct Fixture {
    partnership: PartnershipId,
    organisation: OrganisationId,
    key: VersionKey,
}

fn fixture() -> Fixture {
    Fixture {
        partnership: PartnershipId([5; 32]),
        organisation: "ods:ZT1".parse().unwrap(),
        key: VersionKey::from([9; 32]),
    }
}

impl Fixture {
    fn context(&self) -> PartContext<'_> {
        PartContext {
            partnership: &self.partnership,
            organisation: &self.organisation,
            event_id: EventId([1; 16]),
            case: CaseId([2; 16]),
            alias: Alias(7),
            key_version: 3,
            index: 0,
        }
    }

    fn sealed(&self, content: &[u8]) -> ReadyPart {
        seal(
            &self.context(),
            &self.key,
            content,
            &mut ChaCha20Rng::seed_from_u64(1),
        )
        .unwrap()
    }
}

#[test]
fn a_part_opens_under_its_key_at_its_place() {
    let fixture = fixture();
    let part = fixture.sealed(b"content");
    assert_eq!(
        (part.alias, part.key_version, part.suite),
        (7, 3, Suite::Line)
    );
    assert_eq!(
        open(&fixture.context(), &fixture.key, &part.bytes)
            .unwrap()
            .as_slice(),
        b"content"
    );
}

#[test]
fn a_part_does_not_open_under_another_key() {
    let fixture = fixture();
    let part = fixture.sealed(b"content");
    assert_eq!(
        open(&fixture.context(), &VersionKey::from([8; 32]), &part.bytes),
        Err(Error::DoesNotOpen)
    );
}

#[test]
fn a_part_does_not_open_at_another_place() {
    let fixture = fixture();
    let part = fixture.sealed(b"content");
    let other_partnership = PartnershipId([6; 32]);
    let other_organisation = "ods:ZT2".parse().unwrap();
    let here = fixture.context();
    let elsewhere = [
        PartContext {
            partnership: &other_partnership,
            ..here
        },
        PartContext {
            organisation: &other_organisation,
            ..here
        },
        PartContext {
            event_id: EventId([3; 16]),
            ..here
        },
        PartContext {
            case: CaseId([3; 16]),
            ..here
        },
        PartContext {
            alias: Alias(8),
            ..here
        },
        PartContext {
            key_version: 4,
            ..here
        },
        PartContext { index: 1, ..here },
    ];
    for context in elsewhere {
        assert_eq!(
            open(&context, &fixture.key, &part.bytes),
            Err(Error::DoesNotOpen),
            "{context:?}"
        );
    }
}

#[test]
fn sealing_twice_gives_other_bytes() {
    let fixture = fixture();
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let one = seal(&fixture.context(), &fixture.key, b"content", &mut rng).unwrap();
    let two = seal(&fixture.context(), &fixture.key, b"content", &mut rng).unwrap();
    assert_ne!(one.bytes, two.bytes);
}

#[test]
fn short_contents_have_one_length() {
    let fixture = fixture();
    let lengths: Vec<usize> = [0, 1, 100, 252]
        .map(|length| fixture.sealed(&vec![1; length]).bytes.len())
        .to_vec();
    assert_eq!(lengths, [32 + 256 + 16; 4]);
}

#[test]
fn buckets_are_those_of_padme() {
    // Worked out by hand from the published algorithm: 8 bits of exponent leave 4 bits of mantissa for 257, and so on.
    for (length, expected) in [
        (0, 256),
        (256, 256),
        (257, 272),
        (272, 272),
        (273, 288),
        (1000, 1024),
        (65_537, 67_584),
    ] {
        assert_eq!(bucket(length), expected, "{length}");
    }
}

#[test]
fn padding_that_hides_something_is_refused() {
    let mut padded = pad(b"content").unwrap();
    assert_eq!(unpad(&padded).unwrap(), b"content");
    *padded.last_mut().unwrap() = 1;
    assert_eq!(unpad(&padded), Err(Error::BadContent("padding")));
    let longer = [&pad(b"content").unwrap()[..], &[0]].concat();
    assert_eq!(unpad(&longer), Err(Error::BadContent("padding")));
    assert_eq!(unpad(&[255; 256]), Err(Error::BadContent("padding")));
    assert_eq!(unpad(&[0; 3]), Err(Error::BadContent("padding")));
}

proptest! {
    #[test]
    fn any_content_opens_as_it_was_sealed(content in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let fixture = fixture();
        let part = fixture.sealed(&content);
        let opened = open(&fixture.context(), &fixture.key, &part.bytes).unwrap();
        prop_assert_eq!(opened.as_slice(), content);
    }

    #[test]
    fn a_changed_byte_does_not_open(at in any::<prop::sample::Index>(), flip in 1..=255_u8) {
        let fixture = fixture();
        let mut bytes = fixture.sealed(b"content").bytes;
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert_eq!(open(&fixture.context(), &fixture.key, &bytes), Err(Error::DoesNotOpen));
    }

    #[test]
    fn a_bucket_adds_at_most_12_percent_and_is_its_own_bucket(length in 257..10_000_000_usize) {
        let padded = bucket(length);
        prop_assert!(padded >= length && (padded - length) * 100 <= length * 12);
        prop_assert_eq!(bucket(padded), padded);
    }
}

#[test]
fn the_length_of_a_sealed_part_is_known_before_it_is_sealed() {
    let fixture = fixture();
    for length in [0, 1, 252, 253, 1000, 70_000] {
        let part = fixture.sealed(&vec![7; length]);
        assert_eq!(part.bytes.len(), sealed_len(length), "{length}");
    }
}
