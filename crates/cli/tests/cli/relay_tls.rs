//! `concordat feed relay` over https: whose certificate is believed, and what is said where it is not.

use crate::support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::ring::default_provider;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use support::receiver::{Does, Stage, tls_receiver};
use support::text;

/// An authority of one's own.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    /// A receiver's configuration with a certificate for a name, which may have expired.
    fn configure(&self, name: &str, has_expired: bool) -> Arc<ServerConfig> {
        let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if has_expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("signed");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(default_provider().into())
            .with_safe_default_protocol_versions()
            .expect("they are supported")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key);
        Arc::new(config.expect("they belong together"))
    }

    fn write(&self, folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, self.0.pem()).expect("written");
        path
    }
}

#[test]
fn entries_go_to_a_receiver_whose_certificate_a_private_authority_signed() {
    let stage = Stage::set(2);
    let ids = stage.ids();
    let (ours, another) = (Authority::new("ours"), Authority::new("another"));
    // A file may hold several.
    let ca = another.write(stage.folder.path(), "ca.pem");
    fs::write(&ca, another.0.pem() + &ours.0.pem()).expect("written");
    let config = ours.configure("localhost", false);
    let (url, posts) = tls_receiver("localhost", config, vec![Does::Answer(503)]);
    let ca = ca.to_str().expect("text");
    let done = stage
        .relay_to(&url, &["--ca", ca, "--until-caught-up", "-o", "json"])
        .output()
        .expect("it runs");
    assert!(done.status.success(), "{}", text(&done.stderr));
    let answer: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    assert_eq!(answer, json!({"delivered": ids.len(), "parked": 0}));
    let got: Vec<String> = posts.try_iter().skip(1).map(|post| post.id()).collect();
    assert_eq!(got, ids);
}

#[test]
fn a_certificate_that_cannot_be_believed_gets_nothing_and_is_told_apart() {
    let stage = Stage::set(1);
    let (ours, another) = (Authority::new("ours"), Authority::new("another"));
    let ca = ours.write(stage.folder.path(), "ours.pem");
    let others = another.write(stage.folder.path(), "others.pem");
    let good = ours.configure("localhost", false);
    let tried = [
        (
            "localhost",
            &good,
            Some(&others),
            "certificate-issuer-unknown",
        ),
        // Signed by nobody whom this machine knows.
        ("localhost", &good, None, "certificate-issuer-unknown"),
        ("127.0.0.1", &good, Some(&ca), "certificate-of-other-name"),
        (
            "localhost",
            &ours.configure("localhost", true),
            Some(&ca),
            "certificate-expired",
        ),
    ];
    for (host, config, authority, code) in tried {
        let (url, posts) = tls_receiver(host, Arc::clone(config), Vec::new());
        let url = format!("{url}?key=CANARY");
        let mut relay = stage.relay_to(&url, &["--retry-for", "1ms", "--on-failure", "stop"]);
        if let Some(file) = authority {
            relay.arg("--ca").arg(file);
        }
        let refused = relay.output().expect("it runs");
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(6), "{code}: {said}");
        assert!(said.contains(&format!("undelivered-{code}")), "{said}");
        assert!(!said.contains("CANARY"), "{said}");
        assert_eq!(posts.try_iter().count(), 0, "{code}");
    }
    assert_eq!(stage.ids().len(), 1, "nothing was committed");
}

#[test]
fn a_file_of_authorities_that_cannot_be_used_is_named_with_what_is_wrong() {
    let stage = Stage::set(1);
    let write = |name: &str, content: &str| {
        let path = stage.folder.path().join(name);
        fs::write(&path, content).expect("written");
        path
    };
    let pem = Authority::new("ours").0.pem();
    let key = KeyPair::generate().expect("a key").serialize_pem();
    let cut = pem.replace("-----END", "");
    let empty = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let files = [
        (
            stage.folder.path().join("absent.pem"),
            3,
            "there is no file",
        ),
        (write("key.pem", &key), 6, "has no certificate in PEM"),
        (write("cut.pem", &cut), 6, "section end"),
        (write("second.pem", &(pem + empty)), 6, "certificate 2 of"),
    ];
    for (file, code, what) in files {
        let file = file.to_str().expect("text");
        let refused = stage.relay_to("https://localhost:1/", &["--ca", file]);
        let refused = { refused }.output().expect("it runs");
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(code), "{said}");
        assert!(said.contains(file) && said.contains(what), "{said}");
    }
    let clear = stage.relay_to("http://127.0.0.1:1/", &["--ca", "any.pem"]);
    let clear = { clear }.output().expect("it runs");
    assert_eq!(clear.status.code(), Some(2), "{}", text(&clear.stderr));
}

#[test]
fn a_redirect_is_a_failure_and_no_secret_is_told() {
    let stage = Stage::set(1);
    let ours = Authority::new("ours");
    let ca = ours.write(stage.folder.path(), "ours.pem");
    let config = ours.configure("localhost", false);
    let (url, posts) = tls_receiver("localhost", config, vec![Does::Redirect]);
    let url = format!("{url}?key=CANARY");
    let ca = ca.to_str().expect("text");
    let stop = ["--ca", ca, "--retry-for", "0s", "--on-failure", "stop"];
    let refused = stage.relay_to(&url, &stop).output().expect("it runs");
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(6), "{said}");
    assert!(said.contains("undelivered-http-307"), "{said}");
    assert!(said.contains("redirects are not followed"), "{said}");
    assert!(!said.contains("CANARY"), "{said}");
    assert_eq!(posts.try_iter().count(), 1, "it was not followed");

    for address in [
        "https://relay:CANARY@localhost/inbox",
        "relay:CANARY@localhost",
        "https://[CANARY",
    ] {
        let refused = stage.relay_to(address, &[]).output().expect("it runs");
        let said = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{said}");
        assert!(!said.contains("CANARY"), "{said}");
    }
}
