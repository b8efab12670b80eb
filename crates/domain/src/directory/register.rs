//! What bodies recorded outside cases, for reports and body deadlines: services, agreements, adoptions, training, publications …

use jiff::Timestamp;
use jiff::civil::Date;
use rpds::VectorSync;

use super::DirectoryEvent;
use crate::events::directory::{PolicyAdopted, ServiceRegistered, ServiceRetired};
use crate::events::register::{
    AgreementRecorded, BoardReviewRecorded, FeedbackBecameComplaint, LiaisonMeetingHeld,
    ProviderReturnSubmitted, PublicityRecorded, ReportPublished, TrainingRecorded,
};
use crate::ids::{EventId, OrganisationId, Position};

/// Who recorded something, when and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The event.
    pub event: EventId,
    /// The body whose record it is, whoever recorded it for that body.
    pub by: OrganisationId,
    /// The day on which it happened.
    pub day: Date,
    /// When it was recorded, by its author's clock.
    pub at: Timestamp,
    /// Where it stands on the log.
    pub position: Position,
}

impl Recorded {
    pub(crate) fn of(event: &DirectoryEvent, position: Position) -> Self {
        Self {
            event: event.id,
            by: event.actor().clone(),
            day: event.day(),
            at: event.recorded_at,
            position,
        }
    }
}

/// One record: the fields of its event, and who recorded it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<T> {
    /// Who, when, where.
    pub recorded: Recorded,
    /// What.
    pub body: T,
}

/// Makes the register with a list for each kind of record.
macro_rules! register {
    ($($(#[$doc:meta])* $list:ident: $body:ident),* $(,)?) => {
        /// All records that stand at a position of the log, each list in log order.
        #[derive(Debug, Clone, Default, PartialEq, Eq)]
        pub struct Register {
            $($list: VectorSync<Entry<$body>>,)*
        }

        impl Register {
            $(
                $(#[$doc])*
                pub fn $list(&self) -> impl Iterator<Item = &Entry<$body>> {
                    self.$list.iter()
                }
            )*
        }

        $(
            impl Recordable for $body {
                fn add_to(self, recorded: Recorded, register: &mut Register) {
                    register.$list.push_back_mut(Entry { recorded, body: self });
                }
            }
        )*
    };
}

/// A body of an event that the register keeps as it is.
pub(crate) trait Recordable {
    /// Adds it to its list.
    fn add_to(self, recorded: Recorded, register: &mut Register);
}

register! {
    /// Services, each time one was registered or its entry renewed; see [`Register::services_on`].
    services: ServiceRegistered,
    /// Ends of services.
    retired_services: ServiceRetired,
    /// Adopted policy packs.
    adoptions: PolicyAdopted,
    /// Training held.
    trainings: TrainingRecorded,
    /// What was published about complaining.
    publicity: PublicityRecorded,
    /// Reports published.
    publications: ReportPublished,
    /// Reviews of reports by boards.
    board_reviews: BoardReviewRecorded,
    /// Meetings of complaints managers.
    liaison_meetings: LiaisonMeetingHeld,
    /// Agreements, each time one was recorded or renewed; see [`Register::agreements_on`].
    agreements: AgreementRecorded,
    /// What providers counted of the complaints about them.
    provider_returns: ProviderReturnSubmitted,
    /// Feedback that became a complaint.
    feedback_that_became_complaints: FeedbackBecameComplaint,
}

impl Register {
    /// The services of all bodies that are registered and not retired on a day, by the newest entry of each.
    pub fn services_on(&self, day: Date) -> Vec<&Entry<ServiceRegistered>> {
        let is_renewed = |entry: &Entry<ServiceRegistered>| {
            self.services().any(|other| {
                other.recorded.by == entry.recorded.by
                    && other.body.service == entry.body.service
                    && other.recorded.position > entry.recorded.position
                    && other.recorded.day <= day
            })
        };
        let is_retired = |entry: &Entry<ServiceRegistered>| {
            self.retired_services().any(|end| {
                end.recorded.by == entry.recorded.by
                    && end.body.service == entry.body.service
                    && end.recorded.position > entry.recorded.position
                    && end.body.on <= day
            })
        };
        self.services()
            .filter(|entry| entry.recorded.day <= day && !is_renewed(entry) && !is_retired(entry))
            .collect()
    }

    /// The agreements in force on a day, by the newest record of each.
    pub fn agreements_on(&self, day: Date) -> Vec<&Entry<AgreementRecorded>> {
        self.newest_agreements()
            .filter(|entry| {
                let body = &entry.body;
                body.valid_from <= day && body.valid_to.is_none_or(|last| day <= last)
            })
            .collect()
    }

    /// The newest record of each agreement, in force or not. Its id is unique for the body that recorded it.
    pub fn newest_agreements(&self) -> impl Iterator<Item = &Entry<AgreementRecorded>> {
        self.agreements().filter(|entry| {
            !self.agreements().any(|other| {
                other.recorded.by == entry.recorded.by
                    && other.body.id == entry.body.id
                    && other.recorded.position > entry.recorded.position
            })
        })
    }
}
