//! The sandbox as the conformance kit needs it: the trust's node, and things that happen on it.

use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use concordat_domain::calendar::local_date;
use concordat_node::clock::Clock as _;
use jiff::Timestamp;
use serde_json::json;

use super::cast::TRUST;
use super::run::{emission, populated};
use super::samples::{Act, KINDS};
use super::served::{PeerView, Place, Served};
use crate::exit::Failure;

/// Most complaints that come while an integration is watched: enough to follow, and no flood.
const COMPLAINTS_MAX: u32 = 60;

/// A sandbox with the sample cases, on free ports.
pub(crate) struct Conformed {
    served: Served,
    complaints: u32,
}

impl Conformed {
    /// Starts it.
    ///
    /// # Errors
    /// As [`Served::start`].
    pub(crate) async fn start(directory: &Path, now: Timestamp) -> Result<Self, Failure> {
        let place = Place {
            directory,
            stays: false,
        };
        let (served, _) = populated(&place, 0, KINDS.len(), now).await?;
        Ok(Self {
            served,
            complaints: 0,
        })
    }

    fn trust(&self) -> Result<PeerView, Failure> {
        let mut peers = self.served.peers().into_iter();
        let trust = peers.find(|peer| peer.organisation == TRUST);
        Ok(trust.context("the sandbox has no trust")?)
    }

    /// Address of the trust's node.
    pub(crate) fn server(&self) -> Result<String, Failure> {
        Ok(self.trust()?.server)
    }

    /// File with the token for it.
    pub(crate) fn token_file(&self) -> Result<PathBuf, Failure> {
        Ok(self.trust()?.token_file)
    }

    /// Whose node it is.
    pub(crate) fn organisation(&self) -> &'static str {
        TRUST
    }

    /// Another complaint comes in, so that there is always something new on the feed.
    ///
    /// # Errors
    /// What the node says.
    pub(crate) async fn let_something_happen(&mut self) -> Result<(), Failure> {
        if self.complaints == COMPLAINTS_MAX {
            return Ok(());
        }
        self.complaints += 1;
        let now = self.served.sandbox().clock().now();
        let (day, person) = (
            local_date(now).to_string(),
            format!("p-kit-{}", self.complaints),
        );
        let act = Act {
            at: now,
            case: 0,
            who: TRUST,
            event: "complaint-received",
            fields: json!({"policy": "eng-2009", "channel": "email", "complainant_ref": person, "subject_ref": person,
                "nature": "made by the conformance kit", "orgs_named": [TRUST], "matter_known_on": day, "received_on": day, "screened_on": day}),
        };
        let emitted = self.served.node(TRUST)?.emit(emission(&act, None)?).await;
        emitted.map_err(|error| anyhow!(error).context("the kit cannot go on"))?;
        Ok(())
    }

    /// Ends it.
    pub(crate) async fn stop(self) {
        self.served.stop().await;
    }
}
