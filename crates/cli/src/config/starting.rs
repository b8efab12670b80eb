//! The configuration with which a node begins: complete, commented, and changed by its owner.

use std::path::Path;

use concordat_domain::ids::OrganisationId;

use super::{LISTEN, PARTNERSHIP_FILE, TOKEN_FILE};

/// What a starting configuration is written from.
pub(crate) struct Starting<'a> {
    /// Whose node it is for.
    pub(crate) organisation: &'a OrganisationId,
    /// The data directory as the file should name it: relative to the file, or absolute.
    pub(crate) data_directory: &'a Path,
}

impl Starting<'_> {
    /// The text of the file.
    pub(crate) fn text(&self) -> String {
        let organisation = toml::Value::from(self.organisation.as_str());
        let data = toml::Value::from(self.data_directory.to_string_lossy().as_ref());
        let token = toml::Value::from(
            self.data_directory
                .join(TOKEN_FILE)
                .to_string_lossy()
                .as_ref(),
        );
        format!(
            r#"# Configuration of a concordat node: `concordat serve --config` reads it, `--check` only checks it.
# Relative paths are relative to this file. An unknown key is an error. What is commented out shows the default, or an alternative.

# Whose node this is: its entry, with the key of this node, stands in the partnership file.
organisation = {organisation}
# The founding document, the same at all members (`concordat partnership check` shows its id).
partnership-file = "{PARTNERSHIP_FILE}"
# Has the signing key (`signing.key`) and the node's journal (`store/`). Mode 0700.
data-directory = {data}
# Policy packs of the partnership's own, as the partnership file pins them (`concordat policy check` finds their faults).
# policy-packs = ["our-protocol.toml"]

[api]
# Where local systems reach the node. Loopback only in this release; port 0 takes a free one.
listen = "{LISTEN}"
# Whoever sends this token speaks for the organisation. Mode 0600.
token-file = {token}
# How long ago an event may have occurred before it must say why it is recorded so late. Without it, it never must.
# backdate-reason-after = "720h"

# The shared log: NATS JetStream. Set up its servers as deploy/README.md says (sync_interval: always).
[log.nats]
servers = ["127.0.0.1:4222"]
# Copies of each record that the servers must keep: 1 on a single server, 3 in production.
replicas = 1
# Who this node is to the servers; one of these.
# credentials = {{ file = "node.creds" }}
# credentials = {{ nkey-seed-file = "nats.nk" }}
# credentials = {{ user = {{ name = "trust", password-file = "nats.password" }} }}
# tls = {{ authorities = "ca.pem", client = {{ certificate = "node.pem", key = "node.key" }} }}
# Where the account may listen for answers under its own prefix only.
# inbox-prefix = "_INBOX_trust"
# How long an answer may take.
# ack-timeout = "5s"
# Takes a stream that is not safe for evidence, and says so in the log. For trials only.
# allow-unsafe-stream = false

# Instead of [log.nats], for one organisation trying it alone: a log inside this process.
# [log.embedded]
# directory = "log"

[node]
# How long a bundle of another organisation may stay uncovered before this node witnesses it, and how much later each further one does.
# witness-after = "60s"
# witness-step = "10s"
# Events that may wait for the log before further ones are refused.
# drafts-max = 100000

[telemetry]
# What is logged on standard error: directives such as "info" or "concordat_node=debug,info".
# filter = "info"
# "text" for people, "json" for collectors.
# format = "text"
"#
        )
    }
}
