//! The timeline of cases for people: one HTML file without scripts and without anything from elsewhere. It prints.

use std::fmt::Write as _;

use serde_json::Value;

use crate::claims::{CaseClaim, DeadlineClaim};
use crate::manifest::Manifest;

/// The end of a file of timelines.
pub const END: &str = "</main>\n</body>\n</html>\n";

const STYLE: &str = "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1a1a1a}\
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2.5rem;border-top:2px solid #1a1a1a;padding-top:.6rem;overflow-wrap:anywhere}\
table{border-collapse:collapse;width:100%;margin:.8rem 0}th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;border-bottom:1px solid #bbb}\
th{background:#eee}.void{color:#6b6b6b}.late{font-weight:bold}dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem .8rem;margin:.2rem 0}\
dt{color:#555}dd{margin:0;overflow-wrap:anywhere}small{color:#555}@media print{body{margin:0;max-width:none}tr{break-inside:avoid}}";

/// The beginning of a file of timelines.
#[must_use]
pub fn head(manifest: &Manifest) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en-GB\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Timeline</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>Timeline</h1>\n<p>Exported by {} at {} for: {}.<br>Up to bundle {} of partnership <small>{}</small>.</p>\n\
         <p>This page is a rendering. The record is in <code>bundles/</code>; <code>concordat audit verify</code> computes it anew.</p>\n",
        escape(manifest.exported.by.as_str()),
        manifest.exported.at,
        escape(&manifest.exported.purpose),
        manifest.range.size,
        manifest.partnership,
    )
}

/// One case: its deadlines, and what happened, in log order.
#[must_use]
pub fn section(claim: &CaseClaim, events: &[Value]) -> String {
    let mut page = format!("<h2>Case {}</h2>\n", claim.case);
    if let Some(computed) = &claim.computed {
        let state = escape(&computed.state);
        let keeper = escape(computed.keeper.as_str());
        let _ = writeln!(page, "<p>State: {state}. Run by {keeper}.</p>");
        deadlines(&mut page, &computed.deadlines);
    }
    page.push_str("<table>\n<thead><tr><th>Happened</th><th>By</th><th>What</th><th>Position</th></tr></thead>\n<tbody>\n");
    for event in events {
        row(&mut page, event);
    }
    page.push_str("</tbody>\n</table>\n");
    page
}

fn deadlines(page: &mut String, deadlines: &[DeadlineClaim]) {
    if deadlines.is_empty() {
        return;
    }
    page.push_str("<table>\n<thead><tr><th>Due</th><th>Owed by</th><th>Deadline</th><th>Stood at the export</th><th>Source</th></tr></thead>\n<tbody>\n");
    for deadline in deadlines {
        let due = deadline
            .due
            .map_or_else(|| "no date".to_owned(), |due| due.to_string());
        let state = serde_json::to_value(deadline.state).unwrap_or_default();
        let state = state.as_str().unwrap_or_default().replace('-', " ");
        let late = match deadline.late_by_days {
            0 => String::new(),
            days => format!(" <span class=\"late\">{days} days late</span>"),
        };
        let _ = writeln!(
            page,
            "<tr><td>{due}</td><td>{}</td><td>{}</td><td>{}{late}</td><td>{}</td></tr>",
            escape(deadline.owed_by.as_str()),
            escape(&deadline.name),
            escape(&state),
            escape(&deadline.source),
        );
    }
    page.push_str("</tbody>\n</table>\n");
}

fn row(page: &mut String, event: &Value) {
    let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or_default();
    let void = event.get("effective") == Some(&Value::Bool(false));
    let kind = concordat_proto::cloudevents::event_type_of(text("type")).unwrap_or(text("type"));
    let class = if void { " class=\"void\"" } else { "" };
    let source = text("source");
    let source = source.strip_prefix("organisations/").unwrap_or(source);
    let _ = write!(
        page,
        "<tr{class}><td>{}</td><td>{}</td><td><strong>{}</strong>",
        escape(text("time")),
        escape(source),
        escape(&kind.replace('-', " ")),
    );
    if void {
        let _ = write!(page, " does not count: {}", escape(text("reason")));
    }
    for (name, said) in [("withheld", "not in this pack"), ("erased", "erased")] {
        if !text(name).is_empty() {
            let _ = write!(page, " <small>{said}: {}</small>", escape(text(name)));
        }
    }
    // The body is an object of one kind; its fields are what is to be read.
    if let Some(data) = event.get("data").and_then(Value::as_object) {
        data.values().for_each(|fields| value(page, fields));
    }
    let _ = writeln!(page, "</td><td>{}</td></tr>", escape(text("position")));
}

fn value(page: &mut String, shown: &Value) {
    match shown {
        Value::Object(fields) => {
            page.push_str("<dl>");
            for (name, field) in fields {
                let _ = write!(page, "<dt>{}</dt><dd>", escape(name));
                value(page, field);
                page.push_str("</dd>");
            }
            page.push_str("</dl>");
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    page.push_str("<br>");
                }
                value(page, item);
            }
        }
        Value::String(text) => page.push_str(&escape(text)),
        other => page.push_str(&escape(&other.to_string())),
    }
}

/// Text as HTML shows it. What people wrote never becomes markup.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_people_wrote_never_becomes_markup() {
        let event = json!({"type": "uk.concordat.complaint-received.v1", "source": "organisations/ods:ZT1",
            "time": "2026-10-21T09:00:00Z", "position": "0.0",
            "data": {"complaintReceived": {"nature": "<script>alert('x')</script> & \"more\""}}});
        let mut page = String::new();
        row(&mut page, &event);
        assert!(!page.contains("<script>"), "{page}");
        assert!(
            page.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;more&quot;")
        );
    }
}
