//! What the kit says in the end: to people, to programs, to a build server, and as a statement that can be kept.

use std::fmt::Write as _;

use concordat_proto::FILE_DESCRIPTOR_SET;
use concordat_trust::hash::sha256;
use concordat_trust::pae::PayloadType;
use concordat_trust::signing::SigningKey;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::checks::{Check, Found, Verdict};
use crate::exit::Failure;
use crate::output::{self, Format, Row};

/// The whole of it.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Version of the kit.
    concordat: &'static str,
    /// SHA-256 of the contract's descriptors, in hexadecimal.
    contract_sha256: String,
    /// The integration's command; empty if it was started by hand.
    command: Vec<String>,
    began: Timestamp,
    ended: Timestamp,
    /// Calls that the integration made.
    calls: u64,
    /// Those of them that were not gRPC (JSON, gRPC-Web, Server-Sent Events): passed on, and not looked at.
    not_looked_at: u64,
    checks: Vec<Line>,
}

/// One check.
#[derive(Debug, Serialize)]
struct Line {
    id: &'static str,
    verdict: Verdict,
    /// What a program does that gets it right.
    expected: &'static str,
    /// What was seen.
    seen: String,
}

impl Row for Line {
    const COLUMNS: &'static [&'static str] = &["check", "verdict", "expected", "seen"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_owned(),
            self.verdict.as_str().to_owned(),
            self.expected.to_owned(),
            self.seen.clone(),
        ]
    }
}

impl Report {
    /// The report of what was found.
    pub(super) fn of(
        found: &Found,
        (calls, not_looked_at): (u64, u64),
        began: Timestamp,
        ended: Timestamp,
        command: &[String],
    ) -> Self {
        let checks = Check::ALL.into_iter().map(|check| {
            let (verdict, seen) = match found.of(check) {
                (Verdict::NotSeen, _) if not_looked_at > 0 => (
                    Verdict::NotSeen,
                    "calls that are not gRPC are not looked at",
                ),
                found => found,
            };
            Line {
                id: check.id(),
                verdict,
                expected: check.expected(),
                seen: seen.to_owned(),
            }
        });
        Self {
            concordat: env!("CARGO_PKG_VERSION"),
            contract_sha256: hex::encode(sha256(FILE_DESCRIPTOR_SET).0),
            command: command.to_vec(),
            began,
            ended,
            calls,
            not_looked_at,
            checks: checks.collect(),
        }
    }

    /// Whether nothing was seen to be wrong; if `strict`, whether everything was seen to be right.
    pub(super) fn is_good(&self, strict: bool) -> bool {
        self.checks.iter().all(|line| match line.verdict {
            Verdict::Pass => true,
            Verdict::Fail => false,
            Verdict::NotSeen => !strict,
        })
    }

    /// Prints it.
    pub(super) fn print(&self, format: Format) -> Result<(), Failure> {
        if format != Format::Table {
            return output::json(format, self);
        }
        output::line(&output::table(&self.checks).to_string())?;
        let count = |verdict| {
            let lines = self.checks.iter();
            lines.filter(|line| line.verdict == verdict).count()
        };
        output::line(&format!(
            "\n{} passed, {} failed, {} not seen; {} calls",
            count(Verdict::Pass),
            count(Verdict::Fail),
            count(Verdict::NotSeen),
            self.calls
        ))?;
        if self.not_looked_at > 0 {
            output::line(&format!(
                "{} of them were not gRPC (JSON, gRPC-Web, Server-Sent Events): they were passed on to the node and not looked at, so what they \
                 do well or badly is not in this report",
                self.not_looked_at
            ))?;
        }
        Ok(())
    }

    /// As build servers read it. A check that was not seen counts as skipped.
    pub(super) fn junit(&self) -> String {
        let count = |verdict| {
            let lines = self.checks.iter();
            lines.filter(|line| line.verdict == verdict).count()
        };
        let mut xml = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"concordat conformance\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">\n",
            self.checks.len(),
            count(Verdict::Fail),
            count(Verdict::NotSeen)
        );
        for line in &self.checks {
            let said = match line.verdict {
                Verdict::Pass => String::new(),
                Verdict::Fail => format!(
                    "<failure message=\"{}\">expected: {}</failure>",
                    escaped(&line.seen),
                    escaped(line.expected)
                ),
                Verdict::NotSeen => "<skipped message=\"not seen\"/>".to_owned(),
            };
            // Writing to a text cannot fail.
            let _ = writeln!(
                xml,
                "  <testcase classname=\"conformance\" name=\"{}\">{said}</testcase>",
                line.id
            );
        }
        xml.push_str("</testsuite>\n");
        xml
    }

    /// The report as text, its SHA-256, and the signature of the text if there is a key: over the pre-authentication encoding of DSSE, as
    /// everything that is signed here.
    ///
    /// # Errors
    /// [`Failure::Failed`] only by a defect.
    pub(super) fn statement(&self, key: Option<&SigningKey>) -> Result<String, Failure> {
        let payload = serde_json::to_string(self).map_err(anyhow::Error::from)?;
        let mut statement = json!({
            "payload_type": PayloadType::ConformanceReport.as_str(),
            "payload": payload,
            "payload_sha256": hex::encode(sha256(payload.as_bytes()).0),
        });
        if let Some(key) = key {
            let signature = key.sign(PayloadType::ConformanceReport, payload.as_bytes());
            let public = key.public_key();
            statement["public_key"] = json!(hex::encode(public.as_bytes()));
            statement["key_id"] = json!(public.key_id().to_string());
            statement["signature"] = json!(hex::encode(signature));
        }
        let text = serde_json::to_string_pretty(&statement).map_err(anyhow::Error::from)?;
        Ok(text + "\n")
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use concordat_trust::signing::PublicKey;
    use serde_json::Value;

    use super::*;

    fn report() -> Report {
        let mut found = Found::default();
        found.pass(Check::Authenticates, "well");
        found.fail(Check::GivesWay, "\"by force\" & more");
        let now = Timestamp::UNIX_EPOCH;
        Report::of(&found, (7, 0), now, now, &[])
    }

    #[test]
    fn a_build_server_reads_failures_and_what_was_skipped() {
        let xml = report().junit();
        assert!(
            xml.contains("tests=\"15\" failures=\"1\" skipped=\"13\""),
            "{xml}"
        );
        assert!(xml.contains("&quot;by force&quot; &amp; more"), "{xml}");
        assert!(!report().is_good(false));
    }

    #[test]
    fn the_statement_verifies_and_a_changed_one_does_not() {
        let key = SigningKey::from_seed(&[7; 32]);
        let statement = report().statement(Some(&key)).expect("it is written");
        let statement: Value = serde_json::from_str(&statement).expect("JSON");
        let text = |name: &str| statement[name].as_str().expect("a text").to_owned();
        let signature = hex::decode(text("signature")).expect("hexadecimal");
        let signature = signature.try_into().expect("64 bytes");
        let public: PublicKey = key.public_key();
        let payload = text("payload");
        assert_eq!(
            text("payload_sha256"),
            hex::encode(sha256(payload.as_bytes()).0)
        );
        let is_signed = |payload: &str| {
            public.verify(
                PayloadType::ConformanceReport,
                payload.as_bytes(),
                &signature,
            )
        };
        assert!(is_signed(&payload).is_ok());
        assert!(is_signed(&payload.replace("FAIL", "PASS")).is_err());
    }
}
