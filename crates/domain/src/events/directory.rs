//! Who the organisations are, what they authorised and adopted, and on which days they work (domain brief B8).

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::read::{codes, elements, fields};
use super::row::{DirectoryScene, EventRules, Scope, Who, row};
use crate::directory::{Delegation, Directory, Organisation};
use crate::ids::{OrganisationId, PackId};
use crate::judge::Reason;

codes! {
    /// What kind of body it is.
    OrganisationKind {
        NhsTrust = "nhs-trust", Icb = "icb", Gp = "gp", Council = "council", Provider = "provider", Ijb = "ijb",
        HealthBoard = "health-board", Police = "police", Other = "other",
    }
    /// How a body takes part.
    Participation { Node = "node", ProxiedBy = "proxied-by", ContactOnly = "contact-only" }
    /// What authority is given for.
    DelegatedFunction {
        Sign = "sign", ResponsiblePerson = "responsible-person", ComplaintsManager = "complaints-manager",
        ApproveAction = "approve-action", ApproveExtension = "approve-extension",
        ChiefOfficerDeputy = "chief-officer-deputy", SignConflict = "sign-conflict",
    }
    /// To which complaints procedure a service is subject.
    ServiceRegime { Adult = "adult", Children = "children", Nhs = "nhs", Ijb = "ijb" }
    /// Why a body is closed.
    ClosureKind { LocalHoliday = "local-holiday", IndustrialAction = "industrial-action" }
}

elements! {
    /// Other posts of a body.
    Posts {
        may ombudsman_liaison: String,
        may training: String,
        may caldicott_or_ig: String,
        may records: String,
        may chair: String,
    }
}

impl Posts {
    fn by_function(&self) -> BTreeMap<String, String> {
        let posts = [
            ("ombudsman_liaison", &self.ombudsman_liaison),
            ("training", &self.training),
            ("caldicott_or_ig", &self.caldicott_or_ig),
            ("records", &self.records),
            ("chair", &self.chair),
        ];
        let named = posts
            .into_iter()
            .filter_map(|(function, post)| Some((function.to_owned(), post.clone()?)));
        named.collect()
    }
}

fn is_registered(scene: &DirectoryScene<'_>, id: &OrganisationId) -> Result<(), Reason> {
    match scene.directory.organisation(id) {
        Some(_) => Ok(()),
        None => Err(Reason::UnregisteredOrg),
    }
}

fields! {
    /// A body joined the partnership.
    OrganisationRegistered {
        must id: OrganisationId,
        must name: String,
        must kind: OrganisationKind,
        must participation: Participation,
        must calendar: String,
        must responsible_person: String,
        must complaints_manager: String,
        must contact: String,
        may key: String,
        may proxy: OrganisationId,
        may posts: Posts,
        may commissioned_by: Vec<OrganisationId>,
    }
}

impl EventRules for OrganisationRegistered {
    row! { OrganisationRegistered {
        scope: Scope::Directory,
        who: [Who::Steward], from: [],
        reasons: [Reason::AlreadyDecided, Reason::UnregisteredOrg],
        covers: ["002-1.11", "003-11 by posts", "K-11 by complaints_manager"],
        summary: "A body joined the partnership, with its responsible person and complaints manager (E-02).",
    }}

    fn refuse_in_directory(&self, scene: &DirectoryScene<'_>) -> Result<(), Reason> {
        if scene.directory.organisation(&self.id).is_some() {
            return Err(Reason::AlreadyDecided);
        }
        self.proxy
            .iter()
            .try_for_each(|proxy| is_registered(scene, proxy))
    }

    fn enter(&self, scene: &DirectoryScene<'_>) -> Directory {
        let mut directory = scene.directory.clone();
        directory.put_organisation(Organisation {
            id: self.id.clone(),
            name: self.name.clone(),
            kind: self.kind.code().to_owned(),
            calendar: self.calendar.clone(),
            participation: self.participation.code().to_owned(),
            proxy: self.proxy.clone(),
            responsible_person: self.responsible_person.clone(),
            complaints_manager: self.complaints_manager.clone(),
            contact: self.contact.clone(),
            posts: self
                .posts
                .as_ref()
                .map(Posts::by_function)
                .unwrap_or_default(),
            commissioned_by: self.commissioned_by.clone().unwrap_or_default(),
            retired_on: None,
        });
        directory
    }
}

fields! {
    /// Something about a body changed.
    OrganisationUpdated {
        must id: OrganisationId,
        may name: String,
        may kind: OrganisationKind,
        may participation: Participation,
        may calendar: String,
        may responsible_person: String,
        may complaints_manager: String,
        may contact: String,
        may key: String,
        may proxy: OrganisationId,
        may posts: Posts,
        may commissioned_by: Vec<OrganisationId>,
    }
}

impl EventRules for OrganisationUpdated {
    row! { OrganisationUpdated {
        scope: Scope::Directory,
        who: [Who::Steward], from: [],
        reasons: [Reason::UnregisteredOrg],
        summary: "Something about a body changed; what is left out stays as it was.",
    }}

    fn refuse_in_directory(&self, scene: &DirectoryScene<'_>) -> Result<(), Reason> {
        std::iter::once(&self.id)
            .chain(&self.proxy)
            .try_for_each(|id| is_registered(scene, id))
    }

    fn enter(&self, scene: &DirectoryScene<'_>) -> Directory {
        let mut directory = scene.directory.clone();
        let Some(mut entry) = directory.organisation(&self.id).cloned() else {
            return directory;
        };
        let put = |into: &mut String, value: &Option<String>| {
            if let Some(value) = value {
                into.clone_from(value);
            }
        };
        put(&mut entry.name, &self.name);
        put(
            &mut entry.kind,
            &self.kind.map(|kind| kind.code().to_owned()),
        );
        put(&mut entry.calendar, &self.calendar);
        put(&mut entry.responsible_person, &self.responsible_person);
        put(&mut entry.complaints_manager, &self.complaints_manager);
        put(&mut entry.contact, &self.contact);
        if let Some(participation) = self.participation {
            participation.code().clone_into(&mut entry.participation);
            // Whoever has a node of its own is recorded for by nobody.
            entry.proxy = entry
                .proxy
                .filter(|_| participation == Participation::ProxiedBy);
        }
        if self.proxy.is_some() {
            entry.proxy.clone_from(&self.proxy);
        }
        if let Some(posts) = &self.posts {
            entry.posts.extend(posts.by_function());
        }
        if let Some(commissioned_by) = &self.commissioned_by {
            entry.commissioned_by.clone_from(commissioned_by);
        }
        directory.put_organisation(entry);
        directory
    }
}

fields! {
    /// A body ceased to exist.
    OrganisationRetired {
        must id: OrganisationId,
        must on: Date,
        must successor: String,
        must basis: String,
        may records_held_by: OrganisationId,
    }
}

impl EventRules for OrganisationRetired {
    row! { OrganisationRetired {
        scope: Scope::Directory,
        who: [Who::Steward], from: [],
        reasons: [Reason::UnregisteredOrg, Reason::AlreadyDecided],
        summary: "A body ceased to exist; its open cases want a successor, or go on without it.",
    }}

    fn incomplete_in_directory(&self) -> Option<&'static str> {
        let named = self.successor == "none" || self.successor.parse::<OrganisationId>().is_ok();
        (!named).then_some("successor")
    }

    fn refuse_in_directory(&self, scene: &DirectoryScene<'_>) -> Result<(), Reason> {
        match scene.directory.organisation(&self.id) {
            None => Err(Reason::UnregisteredOrg),
            Some(entry) if entry.retired_on.is_some() => Err(Reason::AlreadyDecided),
            Some(_) => Ok(()),
        }
    }

    fn enter(&self, scene: &DirectoryScene<'_>) -> Directory {
        let mut directory = scene.directory.clone();
        if let Some(entry) = scene.directory.organisation(&self.id) {
            directory.put_organisation(Organisation {
                retired_on: Some(self.on),
                ..entry.clone()
            });
        }
        directory
    }
}

fields! {
    /// A body authorised a post, its own or another body's.
    DelegationRecorded {
        must id: String,
        must function: DelegatedFunction,
        must post: String,
        must to_org: OrganisationId,
        must from: Date,
        must authorised_by: String,
        may until: Date,
        may cases: Vec<String>,
    }
}

impl EventRules for DelegationRecorded {
    row! { DelegationRecorded {
        scope: Scope::Directory,
        who: [Who::Any], from: [],
        reasons: [Reason::UnregisteredOrg, Reason::AlreadyDecided],
        covers: ["003-4", "003-6 by function", "004-15b"],
        summary: "A body authorised a post to sign, or to act for its responsible person or complaints manager (E-02, C-03).",
    }}

    fn refuse_in_directory(&self, scene: &DirectoryScene<'_>) -> Result<(), Reason> {
        is_registered(scene, &self.to_org)?;
        match scene.directory.delegation(scene.event.actor(), &self.id) {
            Some(_) => Err(Reason::AlreadyDecided),
            None => Ok(()),
        }
    }

    fn enter(&self, scene: &DirectoryScene<'_>) -> Directory {
        let mut directory = scene.directory.clone();
        directory.put_delegation(Delegation {
            id: self.id.clone(),
            org: scene.event.actor().clone(),
            function: self.function.code().to_owned(),
            post: self.post.clone(),
            to_org: self.to_org.clone(),
            from: self.from,
            until: self.until,
            authorised_by: self.authorised_by.clone(),
        });
        directory
    }
}

fields! {
    /// An authority ended.
    DelegationEnded {
        must id: String,
        must on: Date,
    }
}

impl EventRules for DelegationEnded {
    row! { DelegationEnded {
        scope: Scope::Directory,
        who: [Who::Any], from: [],
        reasons: [Reason::NotYours, Reason::AlreadyDecided],
        summary: "An authority ended: from that day on nobody signs by it.",
    }}

    fn refuse_in_directory(&self, scene: &DirectoryScene<'_>) -> Result<(), Reason> {
        match scene.directory.delegation(scene.event.actor(), &self.id) {
            None => Err(Reason::NotYours),
            Some(given) if given.until.is_some_and(|last| last < self.on) => {
                Err(Reason::AlreadyDecided)
            }
            Some(_) => Ok(()),
        }
    }

    fn enter(&self, scene: &DirectoryScene<'_>) -> Directory {
        let mut directory = scene.directory.clone();
        let given = scene.directory.delegation(scene.event.actor(), &self.id);
        if let Some(given) = given {
            directory.put_delegation(Delegation {
                // The day on which it ends is the first one without it.
                until: Some(self.on.yesterday().unwrap_or(Date::MIN)),
                ..given.clone()
            });
        }
        directory
    }
}

fields! {
    /// A service of a body about which people may complain.
    ServiceRegistered {
        must service: String,
        must name: String,
        must owner_post: String,
        must subject_to: ServiceRegime,
        may provider: OrganisationId,
        may volume_per_year: u32,
    }
}

impl EventRules for ServiceRegistered {
    row! { ServiceRegistered {
        scope: Scope::Directory,
        who: [Who::Any], from: [],
        covers: ["003-23"],
        summary: "A service about which people may complain, so that a report can name those with none (003 para 23).",
    }}

    fn enter(&self, scene: &DirectoryScene<'_>) -> Directory {
        scene.with_record(self.clone())
    }
}

fields! {
    /// A service ended.
    ServiceRetired {
        must service: String,
        must on: Date,
    }
}

impl EventRules for ServiceRetired {
    row! { ServiceRetired {
        scope: Scope::Directory,
        who: [Who::Any], from: [],
        reasons: [Reason::NotYours, Reason::AlreadyDecided],
        summary: "A service ended.",
    }}

    fn refuse_in_directory(&self, scene: &DirectoryScene<'_>) -> Result<(), Reason> {
        let register = scene.directory.register();
        let own = |by: &OrganisationId, service: &str| {
            by == scene.event.actor() && service == self.service
        };
        let mut entries = register.services();
        if !entries.any(|entry| own(&entry.recorded.by, &entry.body.service)) {
            return Err(Reason::NotYours);
        }
        let begun = register
            .services()
            .filter(|entry| own(&entry.recorded.by, &entry.body.service))
            .map(|entry| entry.recorded.position)
            .max();
        let ended = register
            .retired_services()
            .filter(|entry| own(&entry.recorded.by, &entry.body.service))
            .map(|entry| entry.recorded.position)
            .max();
        if begun > ended {
            Ok(())
        } else {
            Err(Reason::AlreadyDecided)
        }
    }

    fn enter(&self, scene: &DirectoryScene<'_>) -> Directory {
        scene.with_record(self.clone())
    }
}

fields! {
    /// A body adopted a policy pack.
    PolicyAdopted {
        must pack: PackId,
        must version: String,
        must from: Date,
        may review_on: Date,
    }
}

impl EventRules for PolicyAdopted {
    row! { PolicyAdopted {
        scope: Scope::Directory,
        who: [Who::Any], from: [],
        deadlines: [super::row::starts("policy-review").only("a deadline of the body")],
        covers: ["000-4", "001-5"],
        summary: "A body adopted a policy pack: the standards by which it answers (J-14).",
    }}

    fn enter(&self, scene: &DirectoryScene<'_>) -> Directory {
        scene.with_record(self.clone())
    }
}

fields! {
    /// A new version of a national calendar.
    CalendarPublished {
        must calendar: String,
        must version: String,
        must dates: Vec<Date>,
        must hash: String,
        may source: String,
    }
}

impl EventRules for CalendarPublished {
    row! { CalendarPublished {
        scope: Scope::Directory,
        who: [Who::Steward], from: [],
        reasons: [Reason::AlreadyDecided],
        summary: "A new version of a calendar; it moves due dates that have not passed (E-27, S-14).",
    }}

    fn refuse_in_directory(&self, scene: &DirectoryScene<'_>) -> Result<(), Reason> {
        let mut known = scene.directory.calendar_versions(&self.calendar);
        if known.any(|known| known.version == self.version) {
            Err(Reason::AlreadyDecided)
        } else {
            Ok(())
        }
    }

    fn enter(&self, scene: &DirectoryScene<'_>) -> Directory {
        let mut directory = scene.directory.clone();
        let days = self.dates.iter().map(|day| (*day, "holiday".to_owned()));
        directory
            .calendars_mut()
            .publish(crate::directory::CalendarVersion {
                calendar: self.calendar.clone(),
                version: self.version.clone(),
                list: days.collect::<BTreeMap<_, _>>().into(),
                position: scene.position,
                at: scene.event.recorded_at,
            });
        directory
    }
}

fields! {
    /// Days on which a body itself is closed.
    ClosureDaysAdded {
        must calendar: String,
        must version: String,
        must dates: Vec<Date>,
        may kind: ClosureKind,
    }
}

impl EventRules for ClosureDaysAdded {
    row! { ClosureDaysAdded {
        scope: Scope::Directory,
        who: [Who::Any], from: [],
        summary: "Days on which a body is closed, a local holiday or industrial action (S-14); it moves due dates that have not passed.",
    }}

    fn enter(&self, scene: &DirectoryScene<'_>) -> Directory {
        let mut directory = scene.directory.clone();
        let title = self.kind.unwrap_or(ClosureKind::LocalHoliday).code();
        let days = self.dates.iter().map(|day| (*day, title.replace('-', " ")));
        let place = (scene.position, scene.event.recorded_at);
        directory
            .calendars_mut()
            .close(scene.event.actor(), &self.version, days.collect(), place);
        directory
    }
}
