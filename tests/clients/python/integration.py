"""A local system of one organisation: emits a complaint, then follows the feed.

    CONCORDAT_SERVER=http://127.0.0.1:7171 CONCORDAT_TOKEN_FILE=api.token python3 integration.py [--until-caught-up]
"""

import datetime
import os
import random
import signal
import sys
import time
import uuid

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from google.rpc import error_details_pb2, status_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

# --8<-- stubs
channel = grpc.insecure_channel(os.environ["CONCORDAT_SERVER"].removeprefix("http://"))
# The node describes its contract itself; nothing is generated. The pool fetches each file when it is first asked for.
pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))


def prepare(service, method, request):
    """A call that is ready to be made: what it is sent with, and the request in its bytes' form."""
    described = pool.FindServiceByName(f"concordat.v1.{service}").FindMethodByName(method)
    kind, answer = (message_factory.GetMessageClass(one) for one in (described.input_type, described.output_type))
    make = channel.unary_stream if described.server_streaming else channel.unary_unary
    return make(f"/concordat.v1.{service}/{method}", kind.SerializeToString, answer.FromString), json_format.ParseDict(request, kind())


# --8<-- authenticate
with open(os.environ["CONCORDAT_TOKEN_FILE"], encoding="ascii") as file:
    CREDENTIAL = [("authorization", f"Bearer {file.read().strip()}")]


def call(service, method, request, timeout=10):
    send, message = prepare(service, method, request)
    return send(message, metadata=CREDENTIAL, timeout=timeout)


# --8<-- errors
#: What passes by itself. UNKNOWN is not among it: nobody knows what that was.
PASSING = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.DEADLINE_EXCEEDED}


class Told:
    """What an error says to a program: one stable reason, the faulty fields, and when to try again."""

    def __init__(self, error):
        self.code, self.text, self.reason, self.fields, self.retry_after = error.code(), error.details(), "", {}, None
        for key, value in error.trailing_metadata() or ():
            if key != "grpc-status-details-bin":
                continue
            for detail in status_pb2.Status.FromString(value).details:
                info, request, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
                if detail.Unpack(info):
                    self.reason = info.reason
                elif detail.Unpack(request):
                    self.fields = {field.field: field.description for field in request.field_violations}
                elif detail.Unpack(retry):
                    self.retry_after = retry.retry_delay.ToTimedelta().total_seconds()

    def __str__(self):
        return f"{self.code.name} {self.reason} {self.text} {self.fields or ''}".rstrip()


def wait(told, attempt):
    """As long as the node asks for; else longer each time, and never all clients at once."""
    time.sleep(told.retry_after if told.retry_after is not None else min(30, 0.2 * 2**attempt) * random.uniform(0.5, 1))


# --8<-- emit
def emit(event_id, case_id, body, expected_version=""):
    """Emits one event until the node has said what became of it. Keep the id with your own record before you call this."""
    request = {"eventId": event_id, "caseId": case_id, "event": {"body": body}, "expectedVersion": expected_version}
    for attempt in range(20):
        try:
            return call("EventService", "EmitEvent", request).receipt
        except grpc.RpcError as error:
            told = Told(error)
            if told.reason == "STALE_SEQUENCE":
                # Another organisation acted meanwhile. A person, or a rule of yours, looks at the case again before this is emitted.
                case = call("CaseService", "GetCase", {"caseId": case_id}).joint_case
                print("somebody acted before us: the case is", case.state, flush=True)
                request["expectedVersion"] = case.version
            elif told.code not in PASSING:
                raise
            wait(told, attempt)
    raise TimeoutError(f"no answer for event {event_id}; emit it again later under this id")


# --8<-- consume
def follow(feed, handle, until_caught_up):
    """Hands each entry to `handle` once, and commits it then. Takes the stream up again, whatever ended it."""
    call("FeedService", "CreateFeed", {"feedId": feed, "start": "FEED_START_BEGINNING"})
    handled, after, attempt = set(), "", 0  # Keep `handled` where your data is, written in one transaction with it.
    while True:
        try:
            send, request = prepare(
                "FeedService", "StreamFeed", {"feedId": feed, "afterCursor": after, "consumerName": "python example"}
            )
            for message in send(request, metadata=CREDENTIAL):
                attempt = 0
                what = message.WhichOneof("content")
                if what == "event":
                    event = message.event.event
                    if (event.source, event.event_id) not in handled:
                        handle(event)
                        handled.add((event.source, event.event_id))
                    after = commit(feed, message.event.cursor)
                elif what == "content_available":
                    available = message.content_available
                    for event in call("EventService", "ListEvents", {"caseId": available.case_id}).events:
                        handle(event)
                    after = commit(feed, available.cursor)
                elif what == "caught_up" and until_caught_up:
                    return
                elif what == "closing":
                    time.sleep(message.closing.retry_after.ToTimedelta().total_seconds())
                elif what == "resync_required":
                    after = message.resync_required.cursor
                # Anything else is a heartbeat, or newer than this program.
        except grpc.RpcError as error:
            told = Told(error)
            if told.reason not in ("FEED_IN_USE", "") and told.code not in PASSING:
                raise
            attempt += 1
            wait(told, attempt)


def commit(feed, cursor):
    """From here on the node starts behind this entry; an empty cursor stands for that place."""
    call("FeedService", "CommitFeed", {"feedId": feed, "cursor": cursor})
    return ""


# --8<-- main
def show(event):
    # A type that is newer than this program has no body here: keep its place and go on.
    print("feed", event.type, event.case_id, "" if event.HasField("body") else "(unknown)", flush=True)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # The node's clock: that of a sandbox is not the machine's.
    now = call("ServerService", "GetServerInfo", {}).server_time.ToDatetime(datetime.timezone.utc)
    today = now.date().isoformat()
    complaint = {
        "policy": "eng-2009", "channel": "CHANNEL_EMAIL", "complainantRef": "p-1", "subjectRef": "p-1",
        "nature": "discharged without the agreed home care", "orgsNamed": ["gss:E06999901"],
        "matterKnownOn": today, "receivedOn": today, "screenedOn": today,
    }
    acknowledgement = {"method": "email", "discussionOffered": True, "advocacySignposted": True, "reassuredNoDetriment": True}
    consent = {"orgs": ["gss:E06999901"], "form": "joint", "explained": ["coordinated", "single-contact", "single-response"]}
    case, version = "", ""
    for name, fields in [("complaintReceived", complaint), ("complaintAcknowledged", acknowledgement), ("consentRequested", consent)]:
        try:
            receipt = emit(str(uuid.uuid4()), case, {name: fields}, version)
            case, version = receipt.case_id, receipt.case_version
            print("emitted", name, "effective" if receipt.ruling.effective else receipt.stage, "case", case, flush=True)
        except grpc.RpcError as error:
            # A person corrects it. Sending it again would give the same answer.
            print("refused", name, Told(error), flush=True)
    follow("integration", show, "--until-caught-up" in sys.argv)


if __name__ == "__main__":
    main()
