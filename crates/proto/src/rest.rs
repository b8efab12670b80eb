//! Calls that have a path of their own, for whoever reads with a browser or `curl`. Each is a call of the contract; what it is asked stands
//! in the path, the query and, for `POST`, the body, by the names of the contract. Nothing but committing a feed is written on these paths.

/// A path and the call that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path; `{case_id}` stands for that field of the request.
    pub template: &'static str,
    /// The call, as gRPC has its path.
    pub rpc: &'static str,
    /// How its answer is written.
    pub answer: Answer,
}

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// One object, the answer of the call in JSON.
    Object,
    /// Server-Sent Events, as long as the stream goes.
    Events,
}

impl Route {
    /// Whether the answer is a stream.
    pub fn is_stream(&self) -> bool {
        self.answer == Answer::Events
    }

    /// The fields that stand in a path, with their texts as they stand there, percent-encoded; none if the path is another one.
    pub fn fields_of<'a>(&self, path: &'a str) -> Option<Vec<(&'static str, &'a str)>> {
        let mut fields = Vec::new();
        let mut segments = path.split('/');
        for expected in self.template.split('/') {
            let given = segments.next()?;
            match field_name(expected) {
                Some(_) if given.is_empty() => return None,
                Some(name) => fields.push((name, given)),
                None if expected == given => {}
                None => return None,
            }
        }
        segments.next().is_none().then_some(fields)
    }

    /// The names of the fields that stand in the path.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.template.split('/').filter_map(field_name)
    }
}

fn field_name(segment: &'static str) -> Option<&'static str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

const fn get(template: &'static str, rpc: &'static str) -> Route {
    Route {
        method: "GET",
        template,
        rpc,
        answer: Answer::Object,
    }
}

/// Every path.
pub const ROUTES: &[Route] = &[
    get("/v1/cases", "/concordat.v1.CaseService/ListCases"),
    get("/v1/cases/{case_id}", "/concordat.v1.CaseService/GetCase"),
    get(
        "/v1/cases/{case_id}/timeline",
        "/concordat.v1.CaseService/ListTimeline",
    ),
    Route {
        answer: Answer::Events,
        ..get(
            "/v1/cases/{case_id}/watch",
            "/concordat.v1.CaseService/WatchCase",
        )
    },
    get(
        "/v1/cases/{case_id}/events",
        "/concordat.v1.EventService/ListEvents",
    ),
    get(
        "/v1/cases/{case_id}/deadlines",
        "/concordat.v1.DeadlineService/ListDeadlines",
    ),
    get(
        "/v1/deadlines",
        "/concordat.v1.DeadlineService/ListDeadlines",
    ),
    get(
        "/v1/events/{event_id}",
        "/concordat.v1.EventService/GetEvent",
    ),
    get("/v1/feeds", "/concordat.v1.FeedService/ListFeeds"),
    get("/v1/feeds/{feed_id}", "/concordat.v1.FeedService/GetFeed"),
    Route {
        answer: Answer::Events,
        ..get(
            "/v1/feeds/{feed_id}/events",
            "/concordat.v1.FeedService/StreamFeed",
        )
    },
    Route {
        method: "POST",
        ..get(
            "/v1/feeds/{feed_id}/commit",
            "/concordat.v1.FeedService/CommitFeed",
        )
    },
    get(
        "/v1/organisations",
        "/concordat.v1.DirectoryService/ListOrganisations",
    ),
    get(
        "/v1/organisations/{organisation}",
        "/concordat.v1.DirectoryService/GetOrganisation",
    ),
    get(
        "/v1/event-types",
        "/concordat.v1.DirectoryService/ListEventTypes",
    ),
    get(
        "/v1/event-types/{type}",
        "/concordat.v1.DirectoryService/GetEventType",
    ),
    get("/v1/server", "/concordat.v1.ServerService/GetServerInfo"),
    get("/v1/whoami", "/concordat.v1.ServerService/WhoAmI"),
];

#[cfg(test)]
mod tests {
    use super::ROUTES;
    use crate::descriptor::descriptor_pool;

    /// A path that names a call or a field which the contract does not have could never answer.
    #[test]
    fn every_path_is_a_call_and_its_fields_are_those_of_its_request() {
        for route in ROUTES {
            let (service, method) = route.rpc[1..].split_once('/').expect("service and method");
            let service = descriptor_pool()
                .get_service_by_name(service)
                .unwrap_or_else(|| panic!("{}", route.rpc));
            let method = service.methods().find(|one| one.name() == method);
            let method = method.unwrap_or_else(|| panic!("{}", route.rpc));
            for name in route.names() {
                assert!(
                    method.input().get_field_by_name(name).is_some(),
                    "{name} of {}",
                    route.template
                );
            }
            assert_eq!(
                route.is_stream(),
                method.is_server_streaming(),
                "{}",
                route.rpc
            );
            assert!(!method.is_client_streaming());
        }
    }

    #[test]
    fn fields_are_read_from_the_path() {
        let timeline = ROUTES[2];
        assert_eq!(
            timeline.fields_of("/v1/cases/ab/timeline"),
            Some(vec![("case_id", "ab")])
        );
        for other in [
            "/v1/cases//timeline",
            "/v1/cases/ab",
            "/v1/cases/ab/timeline/",
            "/v1/cases/ab/timeline/x",
        ] {
            assert_eq!(timeline.fields_of(other), None, "{other}");
        }
    }
}
