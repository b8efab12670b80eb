"""Checks what a subscriber received from a feed, from docs/reference/feeds.md alone: numbers, digests, and the signed statement.

Usage: verify_feed.py ENTRIES.ndjson STATEMENT.json
The second holds `feed`, as GetFeed gives it, and `stated`, as GetFeedStatement gives it; `publicKey`, hexadecimal, if the signature is to be checked.
"""

import base64
import hashlib
import json
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KIND = b"application/vnd.concordat.feed-statement.v1+text"


def words(entry):
    """Kind, and what the chain has of an entry."""
    if "event" in entry:
        entry = entry["event"]
        event = entry["event"]
        ruling = "effective" if event["ruling"].get("effective") else event["ruling"]["reason"]
        return entry, ["event", entry["cursor"], event.get("caseId"), event["source"], event["eventId"], event["position"], ruling]
    if "contentAvailable" in entry:
        entry = entry["contentAvailable"]
        compartment = entry["compartment"].removeprefix("COMPARTMENT_").lower().replace("_", "-")
        return entry, ["content-available", entry["cursor"], entry["caseId"], None, compartment, None, None]
    if "snapshot" in entry:
        entry = entry["snapshot"]
        return entry, ["snapshot", entry["cursor"], entry["jointCase"]["caseId"], None, None, entry.get("position"), None]
    entry = entry["feedTest"]
    return entry, ["feed-test", entry["cursor"], None, entry["source"], entry["eventId"], None, None]


def chain(digest, number, said):
    line = " ".join([digest, str(number), *[word or "-" for word in said]]) + "\n"
    return hashlib.sha256(line.encode()).hexdigest()


def signed_lines(stated, public_key):
    text = base64.b64decode(stated["statement"])
    if public_key:
        signed = b"DSSEv1 %d %s %d %s" % (len(KIND), KIND, len(text), text)
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(base64.b64decode(stated["signature"]), signed)
    return dict(line.split(": ", 1) for line in text.decode().splitlines())


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        entries = [json.loads(line) for line in file]
    with open(sys.argv[2], encoding="utf-8") as file:
        given = json.load(file)
    statement = signed_lines(given["stated"], given.get("publicKey"))
    generation = int(statement["generation"])
    start = next(one for one in given["feed"]["generations"] if one["generation"] == generation)
    filter_hash, digest = start["filterHash"], start["startDigest"]
    assert filter_hash == statement["filter"]
    bound = [statement[name] for name in ("partnership", "organisation", "feed", "feed-uid", "generation", "filter")]
    assert hashlib.sha256("\n".join(["concordat feed 1", *bound, ""]).encode()).hexdigest() == digest, "the start digest"
    seen = {}
    for line in entries:
        entry, said = words(line)
        count = entry["count"]
        if count["generation"] != generation:
            continue
        number = int(count["number"])
        if number in seen:
            assert seen[number] == (count["digest"], said), f"entry {number} came again as another one"
            continue
        assert number == len(seen) + 1, f"entry {len(seen) + 1} is missing before {number}"
        digest = chain(digest, number, said)
        assert digest == count["digest"], f"the digest of entry {number}"
        seen[number] = (digest, said)
    assert len(seen) >= int(statement["last-number"]), "entries of the statement are missing"
    last = int(statement["last-number"])
    assert last == 0 or seen[last][0] == statement["digest-upto"], "the node delivered something else"


main()
