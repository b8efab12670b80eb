//! What does not hold in a pack, each with a stable code, a place and a sentence.

use std::fmt;

use concordat_domain::ids::{CaseId, OrganisationId, Position};
use serde::Serialize;

macro_rules! codes {
    ($($name:ident = $code:literal: $meaning:literal;)*) => {
        /// Stable code of a finding. `docs/reference/audit-pack.md` lists them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $meaning] $name,)*
        }

        impl Code {
            /// All codes, in the order in which they can be found.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The code as reports give it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// What it means, in plain English.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => $meaning,)* }
            }
        }
    };
}

codes! {
    MemberMissing = "member-missing": "A file that the manifest lists is not in the pack.";
    MemberUnlisted = "member-unlisted": "A file is in the pack that the manifest does not list, or is there twice.";
    MemberChanged = "member-changed": "A file is not the one that was exported: its length or hash differs from the manifest.";
    MemberMalformed = "member-malformed": "A file is as it was exported and cannot be read as what it should be.";
    ManifestSignature = "manifest-signature": "The manifest is not signed by the organisation that it names as the exporter: it was made or changed by someone else.";
    OtherPartnership = "other-partnership": "The pack, or a bundle in it, belongs to another partnership than the one expected.";
    CountsDiffer = "counts-differ": "The pack holds more or fewer bundles, envelopes or cases than its manifest says.";
    PolicyPackChanged = "policy-pack-changed": "A policy pack is not the one that the partnership agreed on: its hash is not the one pinned.";
    CalendarChanged = "calendar-changed": "The calendars are not the ones that the partnership agreed on: their hash is not the one pinned.";
    BundleMissing = "bundle-missing": "A bundle of the log was left out.";
    BundleOrder = "bundle-order": "Bundles do not stand in the order of the log.";
    BundleTwice = "bundle-twice": "A bundle is there twice.";
    Malformed = "malformed": "A bundle is not well-formed: its bytes were changed, or it was never valid.";
    PartChanged = "part-changed": "The sealed content of an event was changed: it is not what the signed header names.";
    UnknownFormat = "format-not-known": "A bundle is in a format that this verifier does not know: use a newer one.";
    FormatNotPermitted = "format-not-permitted": "A bundle is in a format that the partnership does not permit.";
    DirectoryVersion = "directory-version": "A bundle names a version of the directory that was not in force.";
    KeyNotPermitted = "key-not-permitted": "A bundle is signed with a key that is not its author's.";
    KeyRevoked = "key-revoked": "A bundle is signed with a key that was revoked.";
    BadSignature = "bad-signature": "The signature of a bundle does not verify: its header was changed, or someone else signed it.";
    Fork = "fork": "An organisation signed two different bundles for one place in its chain.";
    NotNext = "not-next": "A bundle is not its author's next one: one of that author's is missing, or stands elsewhere.";
    OtherPredecessor = "other-predecessor": "A bundle does not follow its author's bundle before it.";
    CaseChain = "case-chain": "An envelope does not follow its author's envelope before it in the case: one was left out or moved.";
    NotIncluded = "not-included": "A bundle is not shown to stand on the log at the place given.";
    SplitView = "split-view": "What an author had seen when it signed is not this log: someone was shown another history.";
    RootDiffers = "root-differs": "The log in the pack does not lead to the head that the manifest names: something was added, left out or exchanged.";
    RolledBack = "rolled-back": "The log in the pack does not reach to, or go on from, the head that you trust: history was taken back.";
    HeadContradicted = "head-contradicted": "A head that an organisation signed is another than the one of this log at the same size.";
    KeyMismatch = "key-mismatch": "A key in the pack is not the one that the case committed to.";
    AppliedDiffers = "applied-differs": "An author had applied other envelopes of the case than those in the pack: one was left out or exchanged.";
    RulesMissing = "rules-missing": "A case is under rules that are not in the pack as it pinned them, or that this verifier does not know.";
    ClaimMissing = "claim-missing": "The exporting node says nothing about a case or an envelope that is in the pack.";
    ClaimUnfounded = "claim-unfounded": "The exporting node makes a claim about a case or an envelope that is not in the pack.";
    RulingDiffers = "ruling-differs": "Whether an event counts, or why not, comes out differently when computed anew.";
    StateDiffers = "state-differs": "The state of a case comes out differently when computed anew.";
    DigestDiffers = "digest-differs": "The digest of a case comes out differently when computed anew.";
    DeadlineDiffers = "deadline-differs": "A deadline comes out differently when computed anew.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The record itself is not what was signed and ordered, or its order was not shared.
    Record,
    /// The record stands; what was said about it does not.
    Claim,
}

impl Code {
    /// How bad it is.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Self::ClaimMissing
            | Self::ClaimUnfounded
            | Self::RulingDiffers
            | Self::StateDiffers
            | Self::DigestDiffers
            | Self::DeadlineDiffers
            | Self::RulesMissing
            | Self::CountsDiffer => Severity::Claim,
            _ => Severity::Record,
        }
    }
}

/// Where something was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file in the pack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member: Option<String>,
    /// Byte in that file, uncompressed, at which the entry begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Index of the bundle on the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bundle: Option<u64>,
    /// Position of the envelope on the log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// The author.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<OrganisationId>,
    /// The case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub case: Option<CaseId>,
}

impl Place {
    /// A file as a whole.
    #[must_use]
    pub fn member(name: &str) -> Self {
        Self {
            member: Some(name.to_owned()),
            ..Self::default()
        }
    }

    /// A case.
    #[must_use]
    pub fn case(case: CaseId) -> Self {
        Self {
            case: Some(case),
            ..Self::default()
        }
    }

    /// An envelope of a case.
    #[must_use]
    pub fn at(case: CaseId, position: Position) -> Self {
        Self {
            position: Some(position),
            ..Self::case(case)
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = Vec::new();
        if let Some(case) = &self.case {
            said.push(format!("case {case}"));
        }
        match (&self.position, self.bundle) {
            (Some(position), _) => said.push(format!("position {position}")),
            (None, Some(bundle)) => said.push(format!("bundle {bundle}")),
            (None, None) => {}
        }
        if let Some(organisation) = &self.organisation {
            said.push(format!("of {organisation}"));
        }
        if let Some(member) = &self.member {
            let offset = self.offset.map(|at| format!(" at byte {at}"));
            said.push(format!("{member}{}", offset.unwrap_or_default()));
        }
        f.write_str(&said.join(", "))
    }
}

/// Something that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// Where.
    pub place: Place,
    /// What it means, with particulars: codes, ids and dates, never content.
    pub text: String,
}

impl Finding {
    /// A finding; `particulars` are added to the meaning of the code.
    #[must_use]
    pub fn new(code: Code, place: Place, particulars: &str) -> Self {
        let text = if particulars.is_empty() {
            code.meaning().to_owned()
        } else {
            format!("{} ({particulars})", code.meaning())
        };
        Self {
            code,
            severity: code.severity(),
            place,
            text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_lists_every_code_with_its_meaning() {
        let page = include_str!("../../../docs/reference/audit-pack.md");
        for code in Code::ALL {
            let row = format!("| `{code}` | {} |", code.meaning());
            assert!(page.contains(&row), "the page lacks: {row}");
        }
    }
}
