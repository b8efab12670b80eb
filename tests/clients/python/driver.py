"""Does what a test asks, line by line: a JSON object on standard input is a request, one on standard output its answer.

Each organisation's local system is one `Node`; feeds are followed and events are poured in on threads of their own.
"""

import json
import sys
import threading
import time
import uuid

import grpc

from client import PATIENCE, Node, Refused, in_json


class Follower:
    """Streams a feed from the committed cursor, commits each entry once it has it, and opens the stream again when it is lost."""

    def __init__(self, organisation, feed):
        self.organisation, self.feed = organisation, feed
        self.entries = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        while True:
            try:
                self._follow(nodes[self.organisation])
            except (grpc.RpcError, Refused, ValueError):
                # The node is away, or about to be: the cursor is kept there.
                time.sleep(0.05)

    def _follow(self, node):
        node.call("FeedService/CreateFeed", {"feedId": self.feed, "start": "FEED_START_BEGINNING"})
        asked = {"feedId": self.feed, "consumerName": "python", "takeOver": True}
        for answer in node.stream("FeedService/StreamFeed", asked):
            what = answer.WhichOneof("content")
            if what in ("event", "content_available"):
                entry = getattr(answer, what)
                node.call("FeedService/CommitFeed", {"feedId": self.feed, "cursor": entry.cursor})
                self.entries.append({"what": what, **in_json(entry)})


class Pourer:
    """Emits one event after the other, each under an id of its own, and tries again under the same id when there is no answer."""

    def __init__(self, asked):
        self.asked = asked
        self.accepted, self.refused = [], []
        self.going = True
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while self.going:
            event = str(uuid.uuid4())
            while self.going:
                node = nodes[self.asked["org"]]
                try:
                    answer = node.call("EventService/EmitEvent", node.emission({**self.asked, "event_id": event}), timeout=10)
                    self.accepted.append(answer.receipt.event_id)
                    time.sleep(self.asked["pause_ms"] / 1000)
                    break
                except Refused as refused:
                    if refused.said["code"] not in ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED"):
                        self.refused.append(refused.said)
                        break
                    time.sleep(0.02)
                except ValueError:
                    # The channel was closed: there is, or will be, another one.
                    time.sleep(0.02)

    def stop(self):
        self.going = False
        self.thread.join(timeout=PATIENCE)


nodes, followers, pourers = {}, {}, {}


def connect(asked):
    """Organisation `org` has its node at `address` from now on."""
    with open(asked["token_file"], encoding="ascii") as file:
        fresh = Node(asked["address"], file.read().strip())
    former = nodes.get(asked["org"])
    nodes[asked["org"]] = fresh
    if former:
        former.close()
    return {"services": sorted(Node.contract.services)}


def call(asked):
    """Any call, with JSON in and out."""
    return in_json(nodes[asked["org"]].call(asked["method"], asked["request"]))


def emit(asked):
    """Emits an event that is written as in a scenario file."""
    node = nodes[asked["org"]]
    asked.setdefault("event_id", str(uuid.uuid4()))
    return in_json(node.call("EventService/EmitEvent", node.emission(asked)))["receipt"]


def emit_with_unknown_field(asked):
    """The same with a field that no contract has, at the end of the request."""
    node = nodes[asked["org"]]
    asked.setdefault("event_id", str(uuid.uuid4()))
    path, _, answer = node._method("EventService/EmitEvent")
    # Field 9999, a text of one byte.
    return in_json(node.send(path, node.emission(asked).SerializeToString() + b"\xfa\xf0\x04\x01x", answer))


def follow(asked):
    followers[asked["org"]] = Follower(asked["org"], asked["feed"])
    return {}


def entries(asked):
    return {"entries": list(followers[asked["org"]].entries)}


def pour(asked):
    pourers[asked["org"]] = Pourer(asked)
    return {}


def poured(asked):
    """How much was accepted so far."""
    return {"accepted": len(pourers[asked["org"]].accepted)}


def stop_pouring(asked):
    pourer = pourers.pop(asked["org"])
    pourer.stop()
    return {"accepted": pourer.accepted, "refused": pourer.refused}


COMMANDS = {
    function.__name__: function
    for function in (connect, call, emit, emit_with_unknown_field, follow, entries, pour, poured, stop_pouring)
}


def main():
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = {"ok": COMMANDS[asked.pop("do")](asked)}
        except Refused as refused:
            answer = {"refused": refused.said}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
