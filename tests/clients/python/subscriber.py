"""Follows a feed as a process of its own: writes each entry down, and only then commits it. Ends when the node goes away; whoever started it starts it again.

Usage: subscriber.py ADDRESS TOKEN_FILE RECORD
"""

import json
import os
import sys

import grpc

from client import Node, Refused, in_json

FEED = "soak"
ENTRIES = ("event", "content_available", "snapshot", "feed_test")


def complete(record):
    """Cuts off a line that a kill left half written."""
    if os.path.exists(record):
        with open(record, "rb+") as file:
            text = file.read()
            file.truncate(text.rfind(b"\n") + 1)


def follow(node, record):
    with open(record, "a", encoding="utf-8") as file:
        asked = {"feedId": FEED, "consumerName": "subscriber", "takeOver": True}
        for answer in node.stream("FeedService/StreamFeed", asked):
            what = answer.WhichOneof("content")
            if what in ENTRIES:
                file.write(json.dumps(in_json(answer)) + "\n")
                file.flush()
                os.fsync(file.fileno())
                node.call("FeedService/CommitFeed", {"feedId": FEED, "cursor": getattr(answer, what).cursor})
            elif what == "resync_required":
                sys.exit("the place is not known any more")


def main():
    address, token_file, record = sys.argv[1:]
    complete(record)
    with open(token_file, encoding="ascii") as file:
        token = file.read().strip()
    while True:
        try:
            follow(Node(address, token), record)
        except (grpc.RpcError, Refused):
            # The node was away for a moment, or a stream of an earlier process still counts as active.
            continue


main()
