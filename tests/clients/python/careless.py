"""A local system as it should not be: it takes every wrong turn that the conformance kit looks for."""

import time
import uuid

import grpc

from integration import CREDENTIAL, Told, call, prepare

TODAY = call("ServerService", "GetServerInfo", {}).server_time.ToDatetime().date().isoformat()
COMPLAINT = {
    "policy": "eng-2009", "channel": "CHANNEL_EMAIL", "complainantRef": "p-1", "subjectRef": "p-1", "nature": "made up",
    "orgsNamed": ["gss:E06999901"], "matterKnownOn": TODAY, "receivedOn": TODAY, "screenedOn": TODAY,
}


def emit():
    event_id = str(uuid.uuid4())
    for _ in range(4):
        try:
            call("EventService", "EmitEvent", {"eventId": event_id, "event": {"body": {"complaintReceived": COMPLAINT}}})
            return
        except grpc.RpcError as error:
            if Told(error).code == grpc.StatusCode.UNAVAILABLE:
                event_id = str(uuid.uuid4())  # A new id: the event is recorded twice.
            # Else the same again, at once, whatever the node said.


def follow():
    send, request = prepare("FeedService", "StreamFeed", {"feedId": "careless", "consumerName": "careless", "takeOver": True})
    for message in send(request, metadata=CREDENTIAL):
        if message.WhichOneof("content") == "event":
            call("FeedService", "CommitFeed", {"feedId": "careless", "cursor": message.event.cursor})


for _ in range(2):
    emit()
call("FeedService", "CreateFeed", {"feedId": "careless", "start": "FEED_START_BEGINNING"})
while True:
    try:
        follow()
    except grpc.RpcError:
        time.sleep(0.05)
