//! `concordat serve` as a supervisor and an operator meet it: what it refuses, how it starts, how it ends.

use crate::support;

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::process::Command;

use concordat_tests::nats::NatsServer;
use serde_json::json;
use support::{
    COUNCIL, PATIENCE, Partnership, Serving, TRUST, command, complaint, concordat, set_mode, text,
};

#[test]
fn faults_of_the_configuration_are_told_with_their_place() {
    for (from, to, told) in [
        (
            "127.0.0.1:0",
            "0.0.0.0:7171",
            "concordat.toml:4:14: 0.0.0.0:7171 is not a loopback address",
        ),
        (
            "node.witness-step",
            "node.witness-pace",
            "concordat.toml:6:6: unknown field `witness-pace`",
        ),
        (
            TRUST,
            "trust",
            "concordat.toml:1:16: `trust` is not an organisation id",
        ),
    ] {
        let partnership = Partnership::found();
        partnership.edit(TRUST, from, to);
        let (code, complaint) = partnership.refused(TRUST, &[]);
        assert_eq!(code, Some(2), "{complaint}");
        assert!(complaint.contains(told), "{complaint}");
    }
}

#[test]
fn what_the_configuration_names_must_be_fit_to_use() {
    let partnership = Partnership::found();
    let directory = partnership.directory(TRUST);
    let check = |told: &str, code: i32| {
        for more in [&["--check"][..], &[]] {
            let (actual, complaint) = partnership.refused(TRUST, more);
            assert_eq!(actual, Some(code), "{complaint}");
            assert!(complaint.contains(told), "{complaint}");
        }
    };

    let token = directory.join("api.token");
    set_mode(&token, 0o640);
    check("api.token has mode 0640", 6);
    set_mode(&token, 0o600);
    let kept = fs::read(&token).expect("a token");
    fs::write(&token, "short\n").expect("written");
    check("a token has at least 32 characters", 6);
    fs::write(&token, kept).expect("written");

    let key = directory.join("signing.key");
    set_mode(&key, 0o604);
    check("signing.key has mode 0604", 6);
    set_mode(&key, 0o600);
    let kept = fs::read(&key).expect("a key");
    fs::write(&key, [7; 32]).expect("written");
    check("lists no such key for ods:ZT1", 6);
    fs::write(&key, &kept[..31]).expect("written");
    check("it has 31 bytes and not 32", 6);
    fs::write(&key, kept).expect("written");

    let file = directory.join("partnership.toml");
    let kept = fs::read_to_string(&file).expect("a partnership file");
    fs::write(&file, kept.replace("formats", "formast")).expect("written");
    check("partnership.toml:3:1: unknown field `formast`", 1);
    fs::remove_file(&file).expect("it is there");
    check("there is no file", 3);
    fs::write(&file, kept).expect("written");

    set_mode(&directory, 0o755);
    check("has mode 0755", 6);
    set_mode(&directory, 0o700);

    let (code, said) = partnership.refused(TRUST, &["--check"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("is in order"), "{said}");
    assert!(
        !directory.join("store").exists() && !directory.join("log").exists(),
        "a check makes nothing"
    );
}

#[test]
fn sigterm_ends_it_in_good_order_and_a_restart_goes_on() {
    let partnership = Partnership::found();
    let mut node = partnership.serve(TRUST);
    let case = node.open_case();
    let before = node.json(&["case", "show", &case]);
    node.signal("TERM");
    assert_eq!(node.wait().code(), Some(0));
    let said = node.rest();
    assert!(said.contains("concordat: SIGTERM: stopping"), "{said}");
    assert!(said.contains("concordat: stopped"), "{said}");
    assert!(!said.contains("CANARY"), "content was logged: {said}");

    let mut node = partnership.serve(TRUST);
    assert_eq!(
        node.json(&["case", "show", &case])["digest"],
        before["digest"]
    );
    node.emit(
        "complaint-acknowledged",
        Some(&case),
        &json!({"method": "letter", "discussion_offered": true, "advocacy_signposted": true, "reassured_no_detriment": true}),
    );
    node.signal("INT");
    assert_eq!(node.wait().code(), Some(0));
}

#[test]
fn a_second_process_on_the_same_store_is_refused() {
    let partnership = Partnership::found();
    let first = partnership.serve(TRUST);
    let (code, complaint) = partnership.refused(TRUST, &[]);
    assert_eq!(code, Some(5), "{complaint}");
    assert!(
        complaint.contains("a node runs on it already"),
        "{complaint}"
    );
    first.json(&["server", "whoami"]);

    // Another node, but the same log: one process at a time has an embedded one.
    let log = partnership.directory(TRUST).join("log");
    partnership.edit(COUNCIL, "\"log\"", &format!("\"{}\"", log.display()));
    let (code, complaint) = partnership.refused(COUNCIL, &[]);
    assert_eq!(code, Some(5), "{complaint}");
    assert!(complaint.contains("is in use"), "{complaint}");
}

#[test]
fn an_address_that_is_taken_is_told() {
    let partnership = Partnership::found();
    let first = partnership.serve(TRUST);
    let address = first.url.trim_start_matches("http://");
    partnership.edit(COUNCIL, "127.0.0.1:0", address);
    let (code, complaint) = partnership.refused(COUNCIL, &[]);
    assert_eq!(code, Some(5), "{complaint}");
    assert!(
        complaint.contains(&format!("cannot listen on {address}"))
            && complaint.contains("`[api] listen`"),
        "{complaint}"
    );
}

#[test]
fn a_node_that_can_no_longer_write_ends_and_says_why() {
    let partnership = Partnership::found();
    let config = partnership.config(TRUST);
    // A disk that is full: no file may grow beyond 24 MiB (in blocks of 512 bytes, or of 1024 in some shells), and the signal that
    // would kill the process for trying is ignored, so that the write fails instead.
    let mut limited = Command::new("bash");
    limited.args([
        "-c",
        "trap '' XFSZ; ulimit -f 24576; exec \"$0\" serve --config \"$1\"",
        env!("CARGO_BIN_EXE_concordat"),
        config.to_str().expect("text"),
    ]);
    let mut node = Serving::start(limited, &partnership, TRUST);
    let mut fields = complaint();
    fields["nature"] = json!("x".repeat(60 * 1024));
    let file = partnership.folder.path().join("fields.json");
    fs::write(&file, fields.to_string()).expect("written");
    let mut tries = 0;
    while !node.has_ended() {
        tries += 1;
        assert!(tries < 2000, "it takes more than any disk holds");
        node.ask(&[
            "event",
            "emit",
            "--type",
            "complaint-received",
            "--fields",
            file.to_str().expect("text"),
            "--retries",
            "0",
        ]);
    }
    assert_eq!(node.wait().code(), Some(1));
    let said = node.rest();
    assert!(
        said.contains("concordat: the node's engine ended by itself: "),
        "{said}"
    );
}

#[test]
fn events_are_accepted_while_the_broker_is_away() {
    let mut broker = NatsServer::stopped();
    let partnership = Partnership::found();
    partnership.configure(
        TRUST,
        &format!(
            "[log.nats]\nservers = [\"{}\"]\nreplicas = 1\nack-timeout = \"1s\"\n",
            broker.address()
        ),
    );
    let node = partnership.serve(TRUST);
    let fields = complaint().to_string();
    let id = "018f0000-0000-7000-8000-000000000001";
    let emit = |more: &[&str]| {
        let mut arguments = vec![
            "event",
            "emit",
            "--type",
            "complaint-received",
            "--json",
            &fields,
            "--event-id",
            id,
            "-o",
            "json",
        ];
        arguments.extend(more);
        node.ask(&arguments)
    };
    let accepted = emit(&["--wait-for", "accepted"]);
    assert!(accepted.status.success(), "{}", text(&accepted.stderr));
    assert!(text(&accepted.stdout).contains("\"STAGE_ACCEPTED\""));
    let late = emit(&["--wait-for", "ruled", "--timeout", "1s"]);
    assert_eq!(late.status.code(), Some(8), "{}", text(&late.stderr));
    assert!(text(&late.stderr).contains("accepted so far"));

    broker.restart();
    let timeout = format!("{}s", PATIENCE.as_secs());
    let ruled = emit(&["--wait-for", "ruled", "--timeout", &timeout]);
    assert!(ruled.status.success(), "{}", text(&ruled.stderr));
    assert!(text(&ruled.stdout).contains("\"deduplicated\": true"));
}

#[test]
fn certificates_that_cannot_be_used_are_told_before_a_connection_needs_them() {
    let partnership = Partnership::found();
    let tls = |files: &str| {
        partnership.configure(
            TRUST,
            &format!("[log.nats]\nservers = [\"tls://127.0.0.1:4222\"]\nreplicas = 3\ntls = {{ {files} }}\n"),
        );
        partnership.refused(TRUST, &["--check"])
    };
    let (code, complaint) = tls("authorities = \"partnership.toml\"");
    assert_eq!(code, Some(6), "{complaint}");
    assert!(
        complaint.contains("partnership.toml has no certificate in PEM"),
        "{complaint}"
    );
    let (code, complaint) = tls("authorities = \"ca.pem\"");
    assert_eq!(code, Some(3), "{complaint}");
    assert!(complaint.contains("ca.pem"), "{complaint}");
}

#[test]
fn a_supervisor_is_told_of_the_start_and_of_the_end() {
    let partnership = Partnership::found();
    let path = partnership.folder.path().join("notify");
    let supervisor = UnixDatagram::bind(&path).expect("a socket");
    supervisor
        .set_read_timeout(Some(PATIENCE))
        .expect("it takes a time");
    let told = || {
        let mut bytes = [0; 256];
        let length = supervisor.recv(&mut bytes).expect("a word");
        text(&bytes[..length])
    };
    let config = partnership.config(TRUST);
    let mut serve = command(&["serve", "--config", config.to_str().expect("text")]);
    serve.env("NOTIFY_SOCKET", &path);
    let mut node = Serving::start(serve, &partnership, TRUST);
    assert_eq!(told().trim(), "READY=1");
    node.signal("TERM");
    assert_eq!(told().trim(), "STOPPING=1");
    assert_eq!(node.wait().code(), Some(0));
}

#[test]
fn a_node_whose_release_does_not_carry_what_was_agreed_does_not_start() {
    let partnership = Partnership::found();
    let path = partnership.directory(TRUST).join("partnership.toml");
    let file = fs::read_to_string(&path).expect("a partnership file");
    let carried = text(&concordat(&["partnership", "packs"]).stdout);
    let write = |pins: &str| {
        let file = file.replace("change_threshold", &format!("{pins}\nchange_threshold"));
        fs::write(&path, file).expect("written");
    };
    let start = carried.find("hash = \"").expect("a hash") + "hash = \"".len();
    let other_pack = carried.replacen(&carried[start..start + 64], &"1".repeat(64), 1);
    let other_calendar = carried.replacen("version = 2", "version = 3", 1);
    for (pins, told) in [
        (
            other_pack,
            format!(
                "policy pack eng-2009: agreed {}, this release has {}",
                "1".repeat(64),
                &carried[start..start + 64]
            ),
        ),
        (
            carried.replace("eng-2009", "eng-2030"),
            "policy pack eng-2030".to_owned(),
        ),
        (other_calendar, "calendar EW version 3".to_owned()),
    ] {
        write(&pins);
        for more in [&["--check"][..], &[]] {
            let (code, said) = partnership.refused(TRUST, more);
            assert_eq!(code, Some(6), "{said}");
            assert!(said.contains(&told), "{said}");
            assert!(said.contains("what to do: run the release"), "{said}");
        }
    }
    write(&carried);
    let (code, said) = partnership.refused(TRUST, &["--check"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("not checked: the embedded log"), "{said}");
    partnership.serve(TRUST);
}

#[test]
fn init_makes_what_serve_needs() {
    let partnership = Partnership::found();
    let directory = partnership.directory(TRUST);
    // The configuration as it was written, with nothing but the address changed.
    fs::remove_file(partnership.config(TRUST)).expect("it is there");
    let again = concordat(&[
        "init",
        "--config",
        partnership.config(TRUST).to_str().expect("text"),
        "--dir",
        directory.to_str().expect("text"),
        "--organisation",
        TRUST,
    ]);
    assert!(again.status.success(), "{}", text(&again.stderr));
    partnership.edit(TRUST, "127.0.0.1:7171", "127.0.0.1:0");
    let (code, said) = partnership.refused(TRUST, &["--check"]);
    assert_eq!(code, Some(0), "{said}");
    let node = partnership.serve(TRUST);
    let caller = node.json(&["server", "whoami"]);
    assert_eq!(caller["organisation"], TRUST);
    // By the configuration alone the port cannot be known.
    let config = partnership.config(TRUST);
    let asked = command(&[
        "server",
        "whoami",
        "--config",
        config.to_str().expect("text"),
    ])
    .output()
    .expect("it runs");
    assert_eq!(asked.status.code(), Some(2));
    assert!(text(&asked.stderr).contains("say --server"));
}
