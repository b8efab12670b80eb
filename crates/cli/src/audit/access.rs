//! `concordat audit access`: who looked.

use clap::Args;
use concordat_domain::ids::CaseId;
use concordat_proto::v1;
use jiff::Timestamp;

use super::Why;
use crate::client::{Client, Paging, all_pages};
use crate::display;
use crate::exit::Failure;
use crate::output::{self, Format, Row};
use crate::when;

#[derive(Debug, Args)]
pub(super) struct Access {
    #[command(flatten)]
    why: Why,
    /// Only looks at this case.
    #[arg(long)]
    case: Option<CaseId>,
    /// Only from this instant on: an instant, a day from its beginning, or a span such as 2d ago.
    #[arg(long, visible_alias = "since", value_name = "WHEN", value_parser = when::since)]
    from: Option<Timestamp>,
    /// Only before this instant.
    #[arg(long, value_name = "INSTANT")]
    until: Option<Timestamp>,
    #[command(flatten)]
    paging: Paging,
}

impl Row for v1::AccessRecord {
    const COLUMNS: &'static [&'static str] =
        &["AT", "WHO", "PURPOSE", "CALL", "CASE", "FEED", "RECORD"];

    fn cells(&self) -> Vec<String> {
        vec![
            display::instant(self.at.as_ref()),
            self.who.clone(),
            self.purpose.clone(),
            self.rpc.clone(),
            self.case_id.clone(),
            self.feed_id.clone(),
            self.access_record.clone(),
        ]
    }
}

pub(super) async fn run(client: &Client, asked: Access, format: Format) -> Result<(), Failure> {
    let request = v1::ListAccessRecordsRequest {
        purpose: asked.why.purpose,
        actor_id: asked.why.actor,
        case_id: asked.case.map(|case| case.to_string()).unwrap_or_default(),
        from: display::wire(asked.from),
        until: display::wire(asked.until),
        ..v1::ListAccessRecordsRequest::default()
    };
    let records = all_pages(&asked.paging, |page_size, page_token| {
        let request = client.request(v1::ListAccessRecordsRequest {
            page_size,
            page_token,
            ..request.clone()
        });
        async move {
            let page = client.audit().list_access_records(request).await?;
            let page = page.into_inner();
            Ok((page.records, page.next_page_token))
        }
    })
    .await?;
    output::messages(format, "records", &records)
}
