use concordat_domain::ids::EventId;
use proptest::prelude::*;

use super::*;
use crate::bundle::Place;
use crate::digest::Hash;
use crate::envelope::{CaseLink, Class, Envelope, ReadyPart, Suite};
use crate::hash::sha256;
use crate::signing::SigningKey;

const TRUST: &str = "ods:ZT1";
const COUNCIL: &str = "gss:E06999901";
const BOARD: &str = "ods:ZB1";

/// A member's code, the seeds of its signing keys, and what else its entry says.
type Entry<'a> = (&'a str, &'a [u8], &'a str);

fn file(formats: &str, entries: &[Entry<'_>]) -> PartnershipFile {
    let head = format!(
        "name = \"Example\"\nformats = {formats}\njudging_rules = 1\nchange_threshold = {}\ncompartments = [\"process\"]\n",
        entries.len().min(2)
    );
    let members = entries.iter().map(|(id, seeds, extra)| {
        let keys: Vec<_> = seeds.iter().map(|seed| format!("\"{}\"", String::from(key(*seed).public_key()))).collect();
        format!(
            "[[organisations]]\nid = \"{id}\"\nname = \"{id}\"\nkind = \"council\"\ncalendar = \"EW\"\nparticipation = \"node\"\n\
             responsible_person = \"chief-executive\"\ncomplaints_manager = \"complaints-manager\"\n\
             signing_keys = [{}]\n{extra}\n",
            keys.join(",")
        )
    });
    PartnershipFile::from_toml(&(head + &members.collect::<String>())).unwrap()
}

fn three() -> PartnershipFile {
    file(
        "[1]",
        &[(TRUST, &[1], ""), (COUNCIL, &[2], ""), (BOARD, &[3], "")],
    )
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32])
}

/// An organisation that publishes: it keeps its own chains as a node does.
#[derive(Clone)]
struct Author {
    id: OrganisationId,
    seed: u8,
    place: Place,
    cases: BTreeMap<CaseId, CaseHead>,
    events: u8,
}

impl Author {
    fn new(log: &Admission, id: &str, seed: u8) -> Self {
        let id: OrganisationId = id.parse().unwrap();
        let place = Place {
            partnership: *log.partnership(),
            organisation: id.clone(),
            directory_version: 1,
            seq: 1,
            prev: BundleHash::ZERO,
            seen: log.seen(),
            claimed_time: "2026-03-02T09:00:00Z".parse().unwrap(),
        };
        Self {
            id,
            seed,
            place,
            cases: BTreeMap::new(),
            events: 0,
        }
    }

    /// The next envelope of this author in a case, with two parts.
    fn event(&mut self, case: u8) -> Envelope {
        self.events += 1;
        let case = CaseId([case; 16]);
        let (seq, prev) = self
            .cases
            .get(&case)
            .map_or((0, EventHash::ZERO), |head| (head.seq, head.hash));
        let link = CaseLink {
            case,
            seq: seq + 1,
            prev,
        };
        let part = |alias| ReadyPart {
            alias,
            key_version: 1,
            suite: Suite::Line,
            bytes: vec![self.events; 40],
        };
        let parts = vec![part(1), part(2)];
        let envelope =
            Envelope::assemble(EventId([self.events; 16]), Class::Event(link), parts).unwrap();
        self.cases.insert(
            case,
            CaseHead {
                seq: seq + 1,
                hash: envelope.hash(),
            },
        );
        envelope
    }

    fn change(&mut self, part: Vec<u8>) -> Envelope {
        self.events += 1;
        Envelope::assemble(
            EventId([self.events; 16]),
            Class::Partnership,
            vec![ReadyPart::clear(part)],
        )
        .unwrap()
    }

    /// Signs the next bundle of this author, who has applied all of `log`.
    fn sign(&mut self, log: &Admission, envelopes: Vec<Envelope>) -> Bundle {
        self.place.seen = log.seen();
        self.sign_blind(envelopes)
    }

    /// Signs the next bundle of this author, who has applied nothing since its last.
    fn sign_blind(&mut self, envelopes: Vec<Envelope>) -> Bundle {
        let bundle = Bundle::sign(self.place.clone(), envelopes, &key(self.seed)).unwrap();
        self.place.seq += 1;
        self.place.prev = bundle.hash();
        bundle
    }
}

/// An empty log and its three organisations.
fn start() -> (Admission, Author, Author, Author) {
    let log = Admission::new(three());
    let (trust, council, board) = (
        Author::new(&log, TRUST, 1),
        Author::new(&log, COUNCIL, 2),
        Author::new(&log, BOARD, 3),
    );
    (log, trust, council, board)
}

#[track_caller]
fn admitted(outcome: Outcome) -> Admitted {
    match outcome {
        Outcome::Admitted(admitted) => *admitted,
        other => panic!("expected the record to be admitted, found {other:?}"),
    }
}

#[track_caller]
fn admit(log: &mut Admission, bundle: &Bundle) -> Admitted {
    admitted(log.admit(&bundle.to_record()))
}

#[track_caller]
fn refused(log: &mut Admission, bundle: &Bundle, expected: Refusal) {
    let before = log.clone();
    assert_eq!(log.admit(&bundle.to_record()), Outcome::Refused(expected));
    assert_eq!(*log, before, "a refused record changes nothing");
}

#[test]
fn admitted_bundles_get_consecutive_places_and_leaves() {
    let (mut log, mut trust, mut council, _) = start();
    let first = trust.sign(&log, vec![]);
    assert_eq!(admit(&mut log, &first).index(), 0);
    let second = council.sign(&log, vec![]);
    assert_eq!(admit(&mut log, &second).index(), 1);
    let bundles = [first.hash(), second.hash()];
    assert_eq!(
        log.seen().root,
        crate::merkle::root(bundles.iter().map(BundleHash::as_bytes))
    );
    assert_eq!(log.index_of(&council.id, 1), Some(1));
    assert_eq!(log.author_of(1), Some(&council.id));
}

#[test]
fn a_later_copy_gets_no_place_and_brings_its_parts() {
    let (mut log, mut trust, ..) = start();
    let whole = trust.event(1);
    let whole = trust.sign(&log, vec![whole]);
    let mut stripped = whole.clone();
    stripped.drop_content(|_| true);
    admit(&mut log, &stripped);
    let before = log.clone();
    assert_eq!(
        log.admit(&whole.to_record()),
        Outcome::AlreadyAdmitted {
            index: 0,
            bundle: whole.clone()
        }
    );
    assert_eq!(log, before);
    assert_eq!(stripped.take_parts(&whole), 1);
}

#[test]
fn absent_content_parts_do_not_change_what_is_admitted() {
    let (mut log, mut trust, ..) = start();
    let whole = trust.event(1);
    let whole = trust.sign(&log, vec![whole]);
    let mut stripped = whole.clone();
    stripped.drop_content(|_| true);
    let mut other = log.clone();
    assert_eq!(
        admit(&mut log, &whole).delta,
        admit(&mut other, &stripped).delta
    );
    assert_eq!(log, other);
}

#[test]
fn a_record_out_of_order_counts_when_it_appears_again_in_its_place() {
    let (mut log, mut trust, ..) = start();
    let (first, second) = (trust.sign_blind(vec![]), trust.sign_blind(vec![]));
    refused(&mut log, &second, Refusal::Seq { next: 1 });
    admit(&mut log, &first);
    assert_eq!(admit(&mut log, &second).index(), 1);
}

#[test]
fn a_bundle_that_follows_another_history_is_refused() {
    let (mut log, mut trust, ..) = start();
    let first = trust.sign_blind(vec![]);
    admit(&mut log, &first);
    trust.place.prev = BundleHash([9; 32]);
    refused(&mut log, &trust.sign_blind(vec![]), Refusal::Prev);
}

#[test]
fn who_may_not_sign_is_refused() {
    let (mut log, trust, ..) = start();
    let mut elsewhere = trust.clone();
    elsewhere.place.partnership = PartnershipId([9; 32]);
    refused(
        &mut log,
        &elsewhere.sign_blind(vec![]),
        Refusal::OtherPartnership,
    );
    let mut stranger = Author::new(&log, "ods:ZT9", 1);
    refused(
        &mut log,
        &stranger.sign_blind(vec![]),
        Refusal::KeyNotPermitted,
    );
    let mut impostor = Author::new(&log, TRUST, 2);
    refused(
        &mut log,
        &impostor.sign_blind(vec![]),
        Refusal::KeyNotPermitted,
    );
    let mut early = trust.clone();
    early.place.directory_version = 2;
    refused(
        &mut log,
        &early.sign_blind(vec![]),
        Refusal::DirectoryVersion,
    );
}

#[test]
fn a_forged_signature_is_refused() {
    use concordat_proto::v1;
    use prost::Message as _;

    let (mut log, mut trust, ..) = start();
    let mut message = v1::Bundle::decode(trust.sign_blind(vec![]).to_record().as_slice()).unwrap();
    message.signature[5] ^= 1;
    let forged = Bundle::parse(&message.encode_to_vec()).unwrap();
    refused(&mut log, &forged, Refusal::Signature);
}

#[test]
fn a_case_chain_runs_on_within_and_between_bundles() {
    let (mut log, mut trust, ..) = start();
    let (one, two, other) = (trust.event(1), trust.event(1), trust.event(2));
    let bundle = trust.sign(&log, vec![one, two.clone(), other]);
    admit(&mut log, &bundle);
    assert_eq!(
        log.case_head(&trust.id, &CaseId([1; 16])),
        Some(CaseHead {
            seq: 2,
            hash: two.hash()
        })
    );
    let three = trust.event(1);
    let bundle = trust.sign(&log, vec![three]);
    admit(&mut log, &bundle);
    assert_eq!(log.case_head(&trust.id, &CaseId([1; 16])).unwrap().seq, 3);
}

#[test]
fn a_gap_in_a_case_chain_refuses_the_whole_bundle() {
    let (mut log, mut trust, ..) = start();
    let (_left_out, good, late) = (trust.event(1), trust.event(2), trust.event(1));
    refused(
        &mut log,
        &trust.sign_blind(vec![good, late]),
        Refusal::CaseChain { envelope: 1 },
    );
}

#[test]
fn a_rival_is_evidence_of_a_fork_and_the_first_stands() {
    let (mut log, mut trust, ..) = start();
    let mut twin = trust.clone();
    let event = twin.event(1);
    let (first, rival) = (trust.sign(&log, vec![]), twin.sign(&log, vec![event]));
    admit(&mut log, &first);
    let before = log.clone();
    assert_eq!(
        log.admit(&rival.to_record()),
        Outcome::Fork(Fork { index: 0, rival })
    );
    assert_eq!(log, before);
}

#[test]
fn what_the_author_did_not_sign_is_no_evidence_of_a_fork() {
    let (mut log, mut trust, ..) = start();
    let mut forger = Author {
        seed: 2,
        ..trust.clone()
    };
    let event = forger.event(1);
    admit(&mut log, &trust.sign_blind(vec![]));
    refused(
        &mut log,
        &forger.sign_blind(vec![event]),
        Refusal::KeyNotPermitted,
    );
}

#[test]
fn a_false_view_keeps_its_place_and_does_not_hold() {
    let (mut log, mut trust, mut council, _) = start();
    let first = trust.sign(&log, vec![]);
    admit(&mut log, &first);
    let views = [
        Seen {
            root: Hash([9; 32]),
            ..log.seen()
        },
        Seen {
            size: 0,
            ..log.seen()
        },
        Seen {
            size: 2,
            ..log.seen()
        },
        Seen {
            size: u64::MAX,
            ..log.seen()
        },
        Seen {
            generation: 2,
            ..log.seen()
        },
    ];
    for (index, seen) in (1..).zip(views) {
        council.place.seen = seen;
        let admitted = admit(&mut log, &council.sign_blind(vec![]));
        assert_eq!(
            (admitted.index(), admitted.seen_holds()),
            (index, false),
            "{seen:?}"
        );
    }
    assert_eq!(log.covered(&council.id), 0);
}

#[test]
fn a_view_may_lag_but_never_go_back() {
    let (mut log, mut trust, mut council, mut board) = start();
    let empty = log.seen();
    for _ in 0..3 {
        admit(&mut log, &trust.sign_blind(vec![]));
    }
    board.place.seen = empty;
    assert!(admit(&mut log, &board.sign_blind(vec![])).seen_holds());
    let bundle = council.sign(&log, vec![]);
    assert!(admit(&mut log, &bundle).seen_holds());
    council.place.seen = empty;
    assert!(!admit(&mut log, &council.sign_blind(vec![])).seen_holds());
}

#[test]
fn a_bundle_is_witnessed_by_two_others() {
    let (mut log, mut trust, mut council, mut board) = start();
    let first = trust.sign(&log, vec![]);
    admit(&mut log, &first);
    let own = trust.sign(&log, vec![]);
    admit(&mut log, &own);
    assert!(!log.witnessed(0), "its author is no witness");
    let head = council.sign(&log, vec![]);
    admit(&mut log, &head);
    assert!(!log.witnessed(0), "one other is not enough");
    let head = board.sign(&log, vec![]);
    admit(&mut log, &head);
    assert!(log.witnessed(0) && log.witnessed(1));
    assert!(
        !log.witnessed(2),
        "the council's own bundle is covered by the board only"
    );
    assert!(!log.witnessed(9), "there is no such bundle");
}

#[test]
fn the_only_other_organisation_is_witness_enough() {
    let mut log = Admission::new(file("[1]", &[(TRUST, &[1], ""), (COUNCIL, &[2], "")]));
    let (mut trust, mut council) = (Author::new(&log, TRUST, 1), Author::new(&log, COUNCIL, 2));
    let first = trust.sign(&log, vec![]);
    admit(&mut log, &first);
    assert!(!log.witnessed(0));
    let head = council.sign(&log, vec![]);
    admit(&mut log, &head);
    assert!(log.witnessed(0));
}

#[test]
fn the_order_of_heads_names_each_other_organisation_once() {
    let (log, trust, ..) = start();
    let orders: Vec<_> = (0..20)
        .map(|seed| log.head_order(&trust.id, &BundleHash([seed; 32])))
        .collect();
    for order in &orders {
        assert_eq!(order.len(), 2);
        assert!(!order.contains(&&trust.id));
    }
    assert!(
        orders.iter().any(|order| *order != orders[0]),
        "the work is spread"
    );
}

/// Signs a change by these organisations and puts it on the log; gives back what became of it.
fn publish(
    log: &mut Admission,
    author: &mut Author,
    change: &Change,
    signers: &[(&str, u8)],
) -> Result<Change, ChangeVoid> {
    let version = log.directory_version() + 1;
    let unsigned = UnsignedChange::new(log.partnership(), change, version, &log.directory().hash());
    let signatures: Vec<_> = signers
        .iter()
        .map(|(id, seed)| (id.parse().unwrap(), unsigned.sign(&key(*seed))))
        .collect();
    let envelope = author.change(unsigned.with_signatures(signatures));
    let bundle = author.sign(log, vec![envelope]);
    admit(log, &bundle).delta.changes.remove(0).ruling
}

const TWO: [(&str, u8); 2] = [(TRUST, 1), (COUNCIL, 2)];

#[test]
fn a_new_key_counts_from_the_bundle_that_names_its_directory_version() {
    let (mut log, mut trust, mut council, _) = start();
    let next = file(
        "[1]",
        &[(TRUST, &[1], ""), (COUNCIL, &[2, 4], ""), (BOARD, &[3], "")],
    );
    publish(
        &mut log,
        &mut trust,
        &Change::Directory(Box::new(next.clone())),
        &TWO,
    )
    .unwrap();
    assert_eq!((log.directory_version(), log.directory()), (2, &next));
    council.seed = 4;
    refused(
        &mut log,
        &council.clone().sign_blind(vec![]),
        Refusal::KeyNotPermitted,
    );
    council.place.directory_version = 2;
    admit(&mut log, &council.sign_blind(vec![]));
    council.place.directory_version = 1;
    council.seed = 2;
    refused(
        &mut log,
        &council.sign_blind(vec![]),
        Refusal::DirectoryVersion,
    );
}

#[test]
fn a_change_needs_its_threshold_of_different_organisations() {
    let (mut log, mut trust, ..) = start();
    let next = Change::Directory(Box::new(file(
        "[1]",
        &[(TRUST, &[1], ""), (COUNCIL, &[2], "")],
    )));
    let few: [&[(&str, u8)]; 4] = [
        &[],
        &[(TRUST, 1)],
        &[(TRUST, 1), (TRUST, 1)],
        &[(TRUST, 1), (COUNCIL, 3)],
    ];
    for signers in few {
        assert_eq!(
            publish(&mut log, &mut trust, &next, signers),
            Err(ChangeVoid::TooFewSignatures)
        );
    }
    assert_eq!(log.directory_version(), 1);
    assert!(publish(&mut log, &mut trust, &next, &TWO).is_ok());
}

#[test]
fn a_change_that_does_not_follow_what_is_in_force_is_void() {
    let (mut log, mut trust, ..) = start();
    let next = Change::Directory(Box::new(file(
        "[1]",
        &[(TRUST, &[1], ""), (COUNCIL, &[2], "")],
    )));
    let stale = UnsignedChange::new(log.partnership(), &next, 3, &log.directory().hash());
    let signatures = TWO.map(|(id, seed)| (id.parse().unwrap(), stale.sign(&key(seed))));
    let envelope = trust.change(stale.with_signatures(signatures));
    let junk = trust.change(b"junk".to_vec());
    let bundle = trust.sign(&log, vec![envelope, junk]);
    let rulings: Vec<_> = admit(&mut log, &bundle)
        .delta
        .changes
        .into_iter()
        .map(|change| change.ruling)
        .collect();
    assert_eq!(
        rulings,
        [Err(ChangeVoid::DoesNotFollow), Err(ChangeVoid::Unreadable)]
    );
}

#[test]
fn a_revoked_key_counts_for_nothing_from_the_cut_on() {
    let (mut log, mut trust, mut council, _) = start();
    admit(&mut log, &council.sign_blind(vec![]));
    let mut thief = council.clone();
    let revoked = format!(
        "revoked_keys = [{{ key_id = \"{}\", cut = 2 }}]",
        key(2).public_key().key_id()
    );
    let next = file(
        "[1]",
        &[
            (TRUST, &[1], ""),
            (COUNCIL, &[4], &revoked),
            (BOARD, &[3], ""),
        ],
    );
    publish(
        &mut log,
        &mut trust,
        &Change::Directory(Box::new(next)),
        &[(TRUST, 1), (BOARD, 3)],
    )
    .unwrap();
    refused(&mut log, &thief.sign_blind(vec![]), Refusal::KeyRevoked);
    council.place.directory_version = 2;
    council.seed = 4;
    assert_eq!(admit(&mut log, &council.sign_blind(vec![])).delta.seq, 2);
}

#[test]
fn a_cut_ahead_lets_the_old_key_finish() {
    let (mut log, mut trust, mut council, _) = start();
    let revoked = format!(
        "revoked_keys = [{{ key_id = \"{}\", cut = 2 }}]",
        key(2).public_key().key_id()
    );
    let next = file(
        "[1]",
        &[
            (TRUST, &[1], ""),
            (COUNCIL, &[2, 4], &revoked),
            (BOARD, &[3], ""),
        ],
    );
    publish(
        &mut log,
        &mut trust,
        &Change::Directory(Box::new(next)),
        &TWO,
    )
    .unwrap();
    admit(&mut log, &council.sign_blind(vec![]));
    refused(&mut log, &council.sign_blind(vec![]), Refusal::KeyRevoked);
}

#[test]
fn an_unknown_format_stops_only_where_it_is_permitted() {
    let record = [&[0x0a, 0x02, 0x08, 0x02][..], b"whatever follows"].concat();
    let mut log = Admission::new(three());
    assert_eq!(
        log.admit(&record),
        Outcome::Refused(Refusal::FormatNotPermitted)
    );
    let mut log = Admission::new(file("[1, 2]", &[(TRUST, &[1], "")]));
    assert_eq!(log.admit(&record), Outcome::UnknownFormat { format: 2 });
}

#[test]
fn a_directory_that_ends_format_1_ends_it_for_who_names_it() {
    let (mut log, mut trust, mut council, _) = start();
    let next = file(
        "[2]",
        &[(TRUST, &[1], ""), (COUNCIL, &[2], ""), (BOARD, &[3], "")],
    );
    publish(
        &mut log,
        &mut trust,
        &Change::Directory(Box::new(next)),
        &TWO,
    )
    .unwrap();
    let mut slow = council.clone();
    council.place.directory_version = 2;
    refused(
        &mut log,
        &council.sign_blind(vec![]),
        Refusal::FormatNotPermitted,
    );
    admit(&mut log, &slow.sign_blind(vec![]));
}

#[test]
fn a_new_generation_keeps_what_lay_below_and_voids_views_above() {
    let (mut log, mut trust, mut council, mut board) = start();
    let mut deltas = Vec::new();
    for _ in 0..2 {
        let bundle = trust.sign(&log, vec![]);
        deltas.push(admit(&mut log, &bundle).delta);
    }
    let kept = log.seen();
    let lost = council.sign(&log, vec![]);
    deltas.push(admit(&mut log, &lost).delta);
    // The board has seen the bundle that the broker then loses, and signs on that view.
    let on_lost_view = board.sign(&log, vec![]);

    let mut renewed = Admission::new(three());
    deltas[..2].iter().for_each(|delta| renewed.apply(delta));
    let start = Change::Generation {
        ended: 1,
        size: kept.size,
        root: kept.root,
    };
    publish(&mut renewed, &mut trust, &start, &TWO).unwrap();
    assert_eq!(renewed.generation(), 2);
    let again = admit(&mut renewed, &lost);
    assert_eq!(
        (again.index(), again.seen_holds()),
        (3, true),
        "bytes unchanged, view below the end"
    );
    assert!(!admit(&mut renewed, &on_lost_view).seen_holds());
    let bundle = board.sign(&renewed, vec![]);
    assert!(admit(&mut renewed, &bundle).seen_holds());
}

#[test]
fn a_generation_on_another_head_is_void() {
    let (mut log, mut trust, ..) = start();
    let wrong = [
        Change::Generation {
            ended: 2,
            size: 0,
            root: log.seen().root,
        },
        Change::Generation {
            ended: 1,
            size: 0,
            root: Hash([9; 32]),
        },
        Change::Generation {
            ended: 1,
            size: 99,
            root: log.seen().root,
        },
    ];
    for change in wrong {
        assert_eq!(
            publish(&mut log, &mut trust, &change, &TWO),
            Err(ChangeVoid::DoesNotFollow)
        );
    }
}

#[test]
#[should_panic(expected = "in order")]
fn a_delta_that_is_not_the_next_is_a_broken_store() {
    let (mut log, mut trust, ..) = start();
    let delta = admit(&mut log, &trust.sign_blind(vec![])).delta;
    log.apply(&delta);
}

/// Records as a careless or hostile courier may deliver them: the bundles of three authors, with copies, junk, stripped parts and
/// neighbours swapped, as `choices` say.
fn courier(choices: &[u8]) -> Vec<Vec<u8>> {
    let (mut log, trust, council, board) = start();
    let mut authors = [trust, council, board];
    let mut records: Vec<Vec<u8>> = Vec::new();
    for choice in choices {
        let author = &mut authors[usize::from(choice % 3)];
        let event = author.event(choice / 3 % 4);
        let mut bundle = author.sign(&log, vec![event]);
        log.admit(&bundle.to_record());
        match choice / 16 {
            0 => bundle.drop_content(|_| true),
            1 => records.push(b"junk".to_vec()),
            2 | 3 => records.extend(records.last().cloned()),
            4 => records.extend(
                records
                    .last()
                    .map(|record| record[..record.len() / 2].to_vec()),
            ),
            _ => {}
        }
        records.push(bundle.to_record());
        if choice / 16 == 5 && records.len() > 1 {
            let last = records.len() - 1;
            records.swap(last, last - 1);
        }
    }
    records
}

proptest! {
    #[test]
    fn no_bytes_make_admission_panic(record in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut log = Admission::new(three());
        let outcome = log.admit(&record);
        prop_assert!(matches!(outcome, Outcome::Refused(_)));
    }

    /// One node reads everything at once; another stops after each few records and comes back from what it stored; a third comes
    /// back from the deltas alone. All agree on every index and every head.
    #[test]
    fn nodes_that_read_the_same_records_agree_however_they_read_them(
        choices in proptest::collection::vec(any::<u8>(), 1..24),
        pauses in proptest::collection::vec(any::<bool>(), 64),
    ) {
        let records = courier(&choices);
        let (mut one, mut two, mut three) = (start().0, start().0, start().0);
        for (at, record) in records.iter().enumerate() {
            let outcome = one.admit(record);
            if pauses[at % pauses.len()] {
                two = serde_json::from_str(&serde_json::to_string(&two).unwrap()).unwrap();
            }
            prop_assert_eq!(&two.admit(record), &outcome);
            if let Outcome::Admitted(admitted) = outcome {
                let stored = serde_json::to_string(&admitted.delta).unwrap();
                three.apply(&serde_json::from_str(&stored).unwrap());
            }
            prop_assert_eq!(one.seen(), two.seen());
        }
        prop_assert_eq!(&one, &two);
        prop_assert_eq!(&one, &three);
        prop_assert!(one.size() > 0 && sha256(&[]) != one.seen().root);
    }
}

/// An event of the directory in the envelope of a bundle: its own organisation's without signatures, the partnership's with them.
fn record(
    log: &mut Admission,
    author: &mut Author,
    (event, fields): (&str, serde_json::Value),
    signers: &[(&str, u8)],
) -> Result<Change, ChangeVoid> {
    let input = concordat_codec::form::read(event, &fields).unwrap();
    let at = "2026-03-02T09:00:00Z".parse().unwrap();
    let event = concordat_codec::event::directory_from_input(&input, at).unwrap();
    let id = EventId([author.events + 1; 16]);
    let unsigned = UnsignedChange::of_event(log.partnership(), id, &event);
    let signatures: Vec<_> = signers
        .iter()
        .map(|(id, seed)| (id.parse().unwrap(), unsigned.sign(&key(*seed))))
        .collect();
    let envelope = author.change(unsigned.with_signatures(signatures));
    let bundle = author.sign(log, vec![envelope]);
    admit(log, &bundle).delta.changes.remove(0).ruling
}

fn retired() -> (&'static str, serde_json::Value) {
    let fields =
        serde_json::json!({"id": BOARD, "on": "2026-03-02", "successor": "none", "basis": "order"});
    ("organisation-retired", fields)
}

#[test]
fn an_organisation_records_for_itself_and_the_partnership_only_together() {
    let (mut log, mut trust, ..) = start();
    let meeting = serde_json::json!({"on": "2026-03-02", "attendees": [TRUST]});
    let own = record(
        &mut log,
        &mut trust,
        ("liaison-meeting-held", meeting.clone()),
        &[],
    );
    assert!(matches!(own, Ok(Change::Event { .. })), "{own:?}");
    // Signatures on what is one organisation's own say nothing, and would be a second encoding of it.
    let signed = record(
        &mut log,
        &mut trust,
        ("liaison-meeting-held", meeting),
        &TWO,
    );
    assert_eq!(signed, Err(ChangeVoid::Unreadable));
    for too_few in [
        &[][..],
        &[(TRUST, 1)],
        &[(TRUST, 1), (TRUST, 1)],
        &[(TRUST, 1), (COUNCIL, 1)],
    ] {
        let answer = record(&mut log, &mut trust, retired(), too_few);
        assert_eq!(answer, Err(ChangeVoid::TooFewSignatures));
    }
    assert!(record(&mut log, &mut trust, retired(), &TWO).is_ok());
    let again = record(&mut log, &mut trust, retired(), &TWO);
    assert_eq!(
        again,
        Err(ChangeVoid::Refused("already-decided".to_owned()))
    );
}

#[test]
fn each_bundle_is_judged_with_the_directory_in_force_before_it() {
    let (mut log, mut trust, mut council, _) = start();
    record(&mut log, &mut trust, retired(), &TWO).unwrap();
    let here = log.size() - 1;
    admit(&mut log, &council.sign_blind(vec![]));
    let board = BOARD.parse().unwrap();
    let gone = |bundle: u64| {
        let entry = log.judging_directory(bundle).organisation(&board).unwrap();
        entry.retired_on.is_some()
    };
    assert!(!gone(here) && gone(here + 1));
    let kept = serde_json::to_string(&log).unwrap();
    let read: Admission = serde_json::from_str(&kept).unwrap();
    assert_eq!(read, log);
}

#[test]
fn a_signed_event_is_not_brought_a_second_time() {
    let (mut log, mut trust, mut council, _) = start();
    let input = concordat_codec::form::read(
        "organisation-updated",
        &serde_json::json!({"id": BOARD, "name": "B"}),
    );
    let at = "2026-03-02T09:00:00Z".parse().unwrap();
    let event = concordat_codec::event::directory_from_input(&input.unwrap(), at).unwrap();
    let unsigned = UnsignedChange::of_event(log.partnership(), EventId([9; 16]), &event);
    let signatures = TWO.map(|(id, seed)| (id.parse().unwrap(), unsigned.sign(&key(seed))));
    let part = unsigned.with_signatures(signatures);
    let bring = |log: &mut Admission, author: &mut Author, id: u8| {
        let part = vec![ReadyPart::clear(part.clone())];
        let envelope = Envelope::assemble(EventId([id; 16]), Class::Partnership, part).unwrap();
        let bundle = author.sign(log, vec![envelope]);
        admit(log, &bundle).delta.changes.remove(0).ruling
    };
    assert_eq!(bring(&mut log, &mut trust, 8), Err(ChangeVoid::Unreadable));
    assert!(bring(&mut log, &mut trust, 9).is_ok());
    let by_another = bring(&mut log, &mut council, 9);
    assert_eq!(
        by_another,
        Err(ChangeVoid::Refused("duplicate-event".to_owned()))
    );
}

#[test]
fn an_event_of_a_case_is_no_change_of_the_partnership() {
    let (mut log, mut trust, ..) = start();
    let fields =
        serde_json::json!({"attempts": 2, "last_on": "2026-03-02", "decision": "keep-trying"});
    let answer = record(&mut log, &mut trust, ("contact-lost", fields), &TWO);
    assert_eq!(answer, Err(ChangeVoid::Unreadable));
    let own =
        serde_json::json!({"kind": "compliment", "service": "s", "received_on": "2026-03-02"});
    let answer = record(&mut log, &mut trust, ("feedback-logged", own), &[]);
    assert_eq!(answer, Err(ChangeVoid::Unreadable));
}
