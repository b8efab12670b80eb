use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng as _;

use super::*;
use crate::digest::{Commitment, EventHash};
use crate::lines::Alias;

struct Fixture {
    partnership: PartnershipId,
    author: OrganisationId,
    recipient: OrganisationId,
    offer: EventReference,
    secret: OfferSecret,
    versions: Vec<GrantedVersion>,
    keys: Vec<VersionKey>,
    rng: ChaCha20Rng,
}

const CASE: CaseId = CaseId([2; 16]);

fn fixture() -> Fixture {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let author: OrganisationId = "ods:ZT1".parse().unwrap();
    let reference = |organisation: &str, id| EventReference {
        organisation: organisation.parse().unwrap(),
        event_id: EventId([id; 16]),
        hash: EventHash([id; 32]),
    };
    let keys: Vec<VersionKey> = (0..3).map(|_| VersionKey::generate(&mut rng)).collect();
    let versions = (1..).zip(&keys).map(|(number, key)| GrantedVersion {
        alias: Alias(7),
        number,
        commitment: key.commitment(&CASE, Alias(7), number),
        created_by: reference("ods:ZT1", 3),
    });
    Fixture {
        partnership: PartnershipId([5; 32]),
        author,
        recipient: "gss:E06999901".parse().unwrap(),
        offer: reference("gss:E06999901", 4),
        secret: OfferSecret::generate(&mut rng),
        versions: versions.collect(),
        keys,
        rng,
    }
}

impl Fixture {
    fn context(&self) -> GrantContext<'_> {
        GrantContext {
            partnership: &self.partnership,
            case: CASE,
            author: &self.author,
            event_id: EventId([6; 16]),
            recipient: &self.recipient,
            offer: &self.offer,
        }
    }

    fn wrapped(&mut self) -> ReadyPart {
        let mut rng = self.rng.clone();
        let keys: Vec<_> = self.versions.iter().zip(&self.keys).collect();
        wrap(&self.context(), &self.secret.public_key(), &keys, &mut rng).unwrap()
    }
}

#[test]
fn the_recipient_unwraps_what_was_granted() {
    let mut fixture = fixture();
    let part = fixture.wrapped();
    let keys = unwrap(
        &fixture.context(),
        &fixture.secret,
        &part.bytes,
        &fixture.versions,
    )
    .unwrap();
    assert_eq!(keys, fixture.keys);
}

#[test]
fn another_offer_does_not_unwrap_it() {
    let mut fixture = fixture();
    let part = fixture.wrapped();
    let other = OfferSecret::generate(&mut fixture.rng);
    assert_eq!(
        unwrap(&fixture.context(), &other, &part.bytes, &fixture.versions),
        Err(Error::DoesNotOpen)
    );
}

#[test]
fn a_grant_does_not_unwrap_at_another_place() {
    let mut fixture = fixture();
    let part = fixture.wrapped();
    let here = fixture.context();
    let other_partnership = PartnershipId([6; 32]);
    let other_offer = EventReference {
        hash: EventHash([9; 32]),
        ..fixture.offer.clone()
    };
    let elsewhere = [
        GrantContext {
            partnership: &other_partnership,
            ..here
        },
        GrantContext {
            case: CaseId([9; 16]),
            ..here
        },
        GrantContext {
            author: &fixture.recipient,
            ..here
        },
        GrantContext {
            recipient: &fixture.author,
            ..here
        },
        GrantContext {
            event_id: EventId([9; 16]),
            ..here
        },
        GrantContext {
            offer: &other_offer,
            ..here
        },
    ];
    for context in elsewhere {
        let outcome = unwrap(&context, &fixture.secret, &part.bytes, &fixture.versions);
        assert_eq!(outcome, Err(Error::DoesNotOpen), "{context:?}");
    }
}

#[test]
fn a_key_that_was_not_committed_to_is_not_wrapped() {
    let mut fixture = fixture();
    fixture.keys.swap(0, 1);
    let keys: Vec<_> = fixture.versions.iter().zip(&fixture.keys).collect();
    let outcome = wrap(
        &fixture.context(),
        &fixture.secret.public_key(),
        &keys,
        &mut fixture.rng.clone(),
    );
    assert_eq!(
        outcome,
        Err(Error::CommitmentMismatch {
            alias: 7,
            number: 1
        })
    );
}

#[test]
fn a_granted_key_that_does_not_match_its_commitment_is_refused_with_all_others() {
    // A hostile granter wraps another key than the one all parties were told of.
    let mut fixture = fixture();
    let part = fixture.wrapped();
    fixture.versions[2].commitment = Commitment([0; 32]);
    let outcome = unwrap(
        &fixture.context(),
        &fixture.secret,
        &part.bytes,
        &fixture.versions,
    );
    assert_eq!(
        outcome,
        Err(Error::CommitmentMismatch {
            alias: 7,
            number: 3
        })
    );
}

#[test]
fn other_keys_than_the_grant_names_are_refused() {
    let mut fixture = fixture();
    let part = fixture.wrapped();
    let outcome = unwrap(
        &fixture.context(),
        &fixture.secret,
        &part.bytes,
        &fixture.versions[..2],
    );
    assert_eq!(outcome, Err(Error::BadContent("granted keys")));
    fixture.versions[0].number = 9;
    let outcome = unwrap(
        &fixture.context(),
        &fixture.secret,
        &part.bytes,
        &fixture.versions,
    );
    assert_eq!(outcome, Err(Error::BadContent("granted keys")));
}

#[test]
fn changed_or_cut_bytes_do_not_unwrap() {
    let mut fixture = fixture();
    let part = fixture.wrapped();
    for at in [0, 1119, 1120, part.bytes.len() - 1] {
        let mut bytes = part.bytes.clone();
        bytes[at] ^= 1;
        let outcome = unwrap(
            &fixture.context(),
            &fixture.secret,
            &bytes,
            &fixture.versions,
        );
        assert_eq!(outcome, Err(Error::DoesNotOpen), "byte {at}");
    }
    let outcome = unwrap(
        &fixture.context(),
        &fixture.secret,
        &part.bytes[..500],
        &fixture.versions,
    );
    assert_eq!(outcome, Err(Error::DoesNotOpen));
}

#[test]
fn an_offered_key_must_be_valid() {
    assert_eq!(
        OfferKey::try_from(vec![0xff; OFFER_KEY_BYTES]),
        Err(Error::BadOffer)
    );
    assert_eq!(OfferKey::try_from(vec![0; 32]), Err(Error::BadOffer));
    let key = fixture().secret.public_key();
    assert_eq!(key.as_bytes().len(), OFFER_KEY_BYTES);
    assert_eq!(OfferKey::try_from(key.as_bytes().to_vec()), Ok(key));
}
