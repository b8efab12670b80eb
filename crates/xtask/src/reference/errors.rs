//! The page of errors, from the table in `errors.proto`.

use std::fmt::Write as _;

use concordat_proto::reasons::{self, Meaning, code_name};
use concordat_proto::v1::Mender;

const HEAD: &str = "# Errors\n
Made by `cargo xtask reference` from the option `meaning` of each value in `proto/concordat/v1/errors.proto`; a test fails when it is out of date.

Every error is a `google.rpc.Status` with exactly one `google.rpc.ErrorInfo`: its domain is `concordat`, its `reason` a name below. Reasons never change their meaning;
texts may. What else stands in the details:

| detail | when |
|---|---|
| `BadRequest` | fields are wrong: all of them at once (16 at most), each with its path |
| `PreconditionFailure` | a rule refused the event: the reason of the ruling, and what to do |
| `RetryInfo` | the same call may succeed later: when to try again |
| `Help` | always: the place on this page |

By JSON (Connect, paths, Server-Sent Events) the same stands in `{\"code\", \"message\", \"details\"}`; each detail has its bytes in `value` and the same for people in `debug`. The HTTP status is that of
the code as Connect maps it, but 404 for `METHOD_UNKNOWN`, 405 if the path has another method, and 415 for `ENCODING_UNSUPPORTED`. `Retry-After` is `RetryInfo`. The command line says all of it on standard
error and ends with the exit code that stands with each reason; an error without one of these reasons, such as of a proxy, ends by its code: 2 `INVALID_ARGUMENT`, 3 `NOT_FOUND`, 4 `UNAUTHENTICATED` and
`PERMISSION_DENIED`, 5 `UNAVAILABLE` and `RESOURCE_EXHAUSTED`, 6 `FAILED_PRECONDITION`, `ABORTED`, `ALREADY_EXISTS` and `OUT_OF_RANGE`, 8 `DEADLINE_EXCEEDED`, 1 the rest.

What one may not see answers like what does not exist, byte for byte, on every wire.
";

pub(super) fn page() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("\n## Errors of calls\n");
    for meaning in reasons::all().iter().filter(|one| !one.is_of_ruling()) {
        section(&mut page, meaning);
    }
    page.push_str("\n## Reasons of rulings\n\nThe event was judged and refused at the door; nothing was stored. An event that becomes void on the log has the same reason in its ruling, in small letters with hyphens.\n");
    for meaning in reasons::all().iter().filter(|one| one.is_of_ruling()) {
        section(&mut page, meaning);
    }
    page
}

fn section(page: &mut String, meaning: &Meaning) {
    let code = code_name(meaning.code);
    let Meaning {
        name, what, remedy, ..
    } = meaning;
    let _ = write!(
        page,
        "\n### {name}\n\n`{code}`, exit code {}. {what}\n\n**What to do** ({}): {remedy}",
        meaning.exit_code,
        mender(meaning.mender)
    );
    if meaning.is_retryable {
        page.push_str(" The same call may succeed later.");
    }
    if let Some(why) = &meaning.unreached {
        let _ = write!(page, "\n\nNo call answers with it in this release. {why}");
    }
    page.push('\n');
}

fn mender(mender: Mender) -> &'static str {
    match mender {
        Mender::Unspecified => "nobody is named",
        Mender::Caller => "whoever wrote or runs the calling program",
        Mender::Person => "a person who handles the complaint",
        Mender::Operator => "whoever looks after the node or the partnership",
        Mender::Nobody => "it passes by itself",
    }
}
