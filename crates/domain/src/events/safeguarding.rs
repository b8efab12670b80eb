//! Disclosure without consent, and safeguarding in a restricted channel (domain brief B2, fact 7, D-05).
//!
//! A channel is a case of its own, opened by a recorded decision to disclose or by a concern. Its parties are the opener and the bodies
//! referred to; the complaint's case never shows that it exists.

use jiff::civil::Date;

use super::read::{Content, codes, elements, fields};
use super::row::{EventRules, Scene, Who, ends, meets, row, starts};
use crate::case::{Case, Change, Channel, Disclosed, From, Membership, State};
use crate::ids::OrganisationId;
use crate::judge::Reason;

codes! {
    /// On what a disclosure without consent rests.
    DisclosureBasis {
        SafeguardingRiskOfHarm = "safeguarding-risk-of-harm", NoPersonalData = "no-personal-data", Statute = "statute",
        CourtOrder = "court-order", PublicInterest = "public-interest", VitalInterests = "vital-interests",
    }
    /// Why the duty of confidence does not stand against it.
    ConfidentialityGround {
        PublicInterest = "public-interest", Statute = "statute", BestInterests = "best-interests", NoneNeeded = "none-needed",
    }
    /// What a concern is about.
    ConcernKind {
        Adult = "adult", Child = "child", AllegationAgainstStaff = "allegation-against-staff", Criminal = "criminal",
    }
    /// To which front door a concern goes.
    ReferralRoute {
        AdultMash = "adult-mash", ChildMash = "child-mash", Lado = "lado", Police = "police", Lscp = "lscp",
    }
    /// Under what an enquiry is made.
    Enquiry { S42 = "s42", S47 = "s47", Lado = "lado", Police = "police", None = "none" }
    /// How far an enquiry is.
    EnquiryStatus {
        Opened = "opened", Substantiated = "substantiated", Unsubstantiated = "unsubstantiated", Closed = "closed",
    }
}

elements! {
    /// An act on the complaint that is to be left undone for now: an event type, and the body that would do it.
    SuspendedAct { must org: OrganisationId, may act: String }
}

fields! {
    /// It was decided to disclose without consent (D-05): a basis in a complaint, the beginning of a channel elsewhere.
    DisclosureWithoutConsentRecorded {
        must basis: DisclosureBasis,
        must gdpr_art6: String,
        must art9_condition: String,
        must confidentiality_ground: ConfidentialityGround,
        must recipients: Vec<OrganisationId>,
        must decision_maker: String,
        must subject_told: bool,
        may noticed_on: Date,
        may main_case: String,
        may dpa_schedule1: String,
        may caldicott_or_ig_advice: String,
        may risk: Content,
        may necessity: Content,
        may items: Content,
        may why_not_told: Content,
    }
}

impl EventRules for DisclosureWithoutConsentRecorded {
    row! { DisclosureWithoutConsentRecorded {
        who: [Who::Party, Who::Opener],
        from: [From::New, From::Any],
        deadlines: [starts("safeguarding-referral").only("as the first event of a case")],
        summary: "It was decided to share without consent, on three grounds kept apart; as the first event of a case it opens a restricted channel (D-05).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        if change.is_first() {
            open_channel(change, self.main_case.as_deref(), self.noticed_on);
        }
        let allowed = Disclosed {
            personal: self.basis != DisclosureBasis::NoPersonalData,
            special: self.art9_condition != NO_CONDITION,
        };
        let facts = &mut change.case.facts;
        facts
            .consent
            .disclosed_to
            .extend(self.recipients.iter().cloned());
        if let Some(channel) = &mut facts.channel {
            for recipient in &self.recipients {
                let disclosed = channel.disclosed.entry(recipient.clone()).or_default();
                *disclosed = disclosed.or(allowed);
            }
        }
    }
}

/// What `art9_condition` says where no data of special categories are disclosed.
const NO_CONDITION: &str = "not-applicable";

fields! {
    /// A concern was noticed (D-05): opens a channel.
    SafeguardingConcernRecorded {
        must noticed_on: Date,
        must kind: ConcernKind,
        must recorded_by_post: String,
        may main_case: String,
        may concern: Content,
    }
}

impl EventRules for SafeguardingConcernRecorded {
    row! { SafeguardingConcernRecorded {
        who: [Who::Any],
        from: [From::New],
        deadlines: [starts("safeguarding-referral").only("from the day it was noticed")],
        covers: ["002-2.7"],
        summary: "A safeguarding concern was noticed; opens a restricted channel, of which the complaint shows nothing (D-05).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        open_channel(change, self.main_case.as_deref(), Some(self.noticed_on));
    }
}

/// The case is a channel from here on; the referral is owed from the day on which the concern was noticed.
fn open_channel(change: &mut Change<'_>, main_case: Option<&str>, noticed_on: Option<Date>) {
    change.case.facts.channel = Some(Channel {
        main_case: main_case.and_then(|case| case.parse().ok()),
        ..Channel::default()
    });
    change.enter(State::ChannelOpen);
    let from = noticed_on.unwrap_or_else(|| change.day());
    change.start_from("safeguarding-referral", from);
}

fields! {
    /// The concern went to the body that enquires into it.
    SafeguardingReferred {
        must to: OrganisationId,
        must route: ReferralRoute,
        may items: Content,
        may reply_by: Date,
    }
}

impl EventRules for SafeguardingReferred {
    row! { SafeguardingReferred {
        who: [Who::Party],
        from: [From::Channel],
        deadlines: [meets("safeguarding-referral")],
        reasons: [Reason::OverrideNotRecorded],
        covers: ["002-2.7", "002-2.9 by route"],
        summary: "The concern was referred; the body referred to becomes party of the channel and reads what the disclosure record allows (D-05).",
    }}

    fn refuse(&self, scene: &Scene<'_>) -> Result<(), Reason> {
        let consent = &scene.case.facts.consent;
        let may_be_told = consent
            .allows(&self.to, [], Case::day_of(scene.event))
            .is_ok();
        if may_be_told {
            Ok(())
        } else {
            Err(Reason::OverrideNotRecorded)
        }
    }

    fn apply(&self, change: &mut Change<'_>) {
        change.enter(State::ChannelReferred);
        let members = &mut change.case.facts.roles.members;
        members.insert(self.to.clone(), Membership::Joined);
    }
}

fields! {
    /// It was decided that no referral is needed.
    ReferralNotNeeded { must decision_maker: String, must why_code: String, may why: Content }
}

impl EventRules for ReferralNotNeeded {
    row! { ReferralNotNeeded {
        who: [Who::Party],
        from: [From::In(State::ChannelOpen)],
        deadlines: [ends("safeguarding-referral")],
        summary: "It was decided, by whom and why, that the concern need not be referred (D-05).",
    }}
}

fields! {
    /// The body that enquires told how far it is, and what is to be left undone meanwhile.
    SafeguardingOutcomeReceived {
        must enquiry: Enquiry,
        must status: EnquiryStatus,
        may affects_complaint: Vec<SuspendedAct>,
        may instruction: Content,
    }
}

impl EventRules for SafeguardingOutcomeReceived {
    row! { SafeguardingOutcomeReceived {
        who: [Who::Party],
        from: [From::In(State::ChannelReferred)],
        covers: ["002-2.7"],
        summary: "How far an enquiry is; the acts that it lists are refused at the door of the nodes that hold the channel, and nowhere else (fact 7).",
    }}

    fn apply(&self, change: &mut Change<'_>) {
        // A list that is not there says nothing new; an empty one frees all acts again.
        let Some((acts, channel)) = self
            .affects_complaint
            .as_ref()
            .zip(change.case.facts.channel.as_mut())
        else {
            return;
        };
        let suspended = acts
            .iter()
            .filter_map(|listed| Some((listed.org.clone(), listed.act.clone()?)));
        channel.suspended = suspended.collect();
    }
}
