use std::path::Path;

use super::*;

const SHORT: &str = r#"organisation = "ods:ZT1"
partnership-file = "partnership.toml"
data-directory = "data"
log.embedded.directory = "log"
"#;

fn read(text: &str) -> Result<Config, String> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("concordat.toml");
    fs::write(&path, text).expect("written");
    Config::read(&path).map_err(|failure| {
        assert!(matches!(failure, Failure::Configuration(_)), "{failure}");
        failure
            .to_string()
            .replace(&format!("{}", folder.path().display()), "")
    })
}

#[test]
fn what_is_left_out_has_its_default() {
    let config = read(SHORT).expect("it is valid");
    assert_eq!(config.listen, LISTEN);
    assert!(config.token_file.ends_with("data/api.token"));
    assert_eq!(config.witness_after, Duration::from_secs(60));
    assert_eq!(config.backdate_reason_after, None);
    assert_eq!(config.telemetry.filter, "info");
    assert!(matches!(&config.log, Log::Embedded { directory } if directory.ends_with("log")));
}

#[test]
fn relative_paths_are_relative_to_the_file() {
    let text = "organisation = \"ods:ZT1\"\npartnership-file = \"../p.toml\"\ndata-directory = \"/var/lib/c\"\n\
        [log.nats]\nservers = [\"127.0.0.1:4222\"]\nreplicas = 3\nack-timeout = \"2s\"\n\
        credentials = { user = { name = \"a\", password-file = \"secret\" } }\n";
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("c.toml");
    fs::write(&path, text).expect("written");
    let config = Config::read(&path).expect("it is valid");
    assert_eq!(config.partnership_file, folder.path().join("../p.toml"));
    assert_eq!(config.data_directory, Path::new("/var/lib/c"));
    let Log::Nats(nats) = config.log else {
        panic!("it is on NATS")
    };
    assert_eq!(nats.ack_timeout, Some(Duration::from_secs(2)));
    let Some(NatsCredentials::User(user)) = nats.credentials else {
        panic!("it has a user")
    };
    assert_eq!(user.password_file, folder.path().join("secret"));
}

#[test]
fn a_limit_for_backdating_is_a_span_of_time() {
    let config =
        read(&format!("{SHORT}[api]\nbackdate-reason-after = \"720h\"\n")).expect("it is valid");
    let thirty_days = Duration::from_secs(30 * 24 * 3600);
    assert_eq!(config.backdate_reason_after, Some(thirty_days));
}

#[test]
fn a_fault_is_told_with_its_place() {
    let nats = |lines: &str| {
        SHORT.replace("log.embedded.directory = \"log\"\n", "") + "[log.nats]\n" + lines
    };
    for (text, complaint) in [
        (
            SHORT.to_owned() + "organization = \"x\"\n",
            "/concordat.toml:5:1: unknown field `organization`",
        ),
        (
            SHORT.replace("ods:ZT1", "xyz:ZT1"),
            "/concordat.toml:1:16: `xyz:ZT1` is not an organisation id",
        ),
        (
            SHORT.to_owned() + "[api]\nlisten = \"0.0.0.0:7171\"\n",
            "/concordat.toml:6:10: 0.0.0.0:7171 is not a loopback address",
        ),
        (
            SHORT.to_owned() + "[node]\nwitness-after = \"soon\"\n",
            "/concordat.toml:6:17: expected a span of time",
        ),
        (
            SHORT.to_owned() + "[telemetry]\nlevel = \"info\"\n",
            "/concordat.toml:6:1: unknown field `level`",
        ),
        (
            SHORT.to_owned() + "[telemetry]\nfilter = \"concordat_node=lots\"\n",
            "/concordat.toml:6:10: expected directives such as",
        ),
        (
            nats("servers = [\"a:1\", \"http://b:1\"]\nreplicas = 1\n"),
            "/concordat.toml:5:11: server 2 of the list: ",
        ),
        (
            nats("servers = [\"a:port\"]\nreplicas = 1\n"),
            "/concordat.toml:5:11: server 1 of the list: ",
        ),
        (
            nats("servers = []\nreplicas = 1\n"),
            "/concordat.toml:5:11: name at least one server",
        ),
        (
            nats("servers = [\"a:1\"]\nreplicas = 2\n"),
            "/concordat.toml:6:12: a stream has 1, 3 or 5 replicas",
        ),
        (
            SHORT.replace("log.embedded.directory", "log.memory.directory"),
            "/concordat.toml:4:5: unknown variant `memory`",
        ),
    ] {
        let told = read(&text).expect_err(complaint);
        assert!(told.starts_with(complaint), "{told}");
    }
}

#[test]
fn a_starting_configuration_is_valid_and_so_is_what_it_comments_out() {
    let organisation = "cqc:1-123".parse().expect("a code");
    let text = Starting {
        organisation: &organisation,
        data_directory: Path::new("odd \"name\""),
    }
    .text();
    let config = read(&text).expect("it is valid");
    assert_eq!(config.organisation, organisation);
    assert!(config.data_directory.ends_with("odd \"name\""));

    // Each alternative in its turn: a key that was renamed in the code but not here would be found.
    let alternatives: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("# ") && line.contains(" = ") && !line.contains(". "))
        .collect();
    assert!(alternatives.len() >= 12, "{alternatives:?}");
    for line in alternatives
        .iter()
        .filter(|line| **line != "# directory = \"log\"")
    {
        let used = text.replacen(line, &line[2..], 1);
        read(&used).unwrap_or_else(|fault| panic!("{line}: {fault}"));
    }
}
