"""Verifies a proof that `concordat audit prove … -o json` gave, from docs/format.md (*Proofs*) and the partnership file alone.

    verify_proof.py PARTNERSHIP.toml PROOF.json…

Shares no code with concordat; decoding and hashing are those of verify_vectors.py beside it. Says what was proven, or exits 1 and says
what does not hold. A proof is of inclusion or of consistency. Needs Python 3.11 or later and `cryptography`.
"""

import base64
import json
import pathlib
import sys
import tomllib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from verify_vectors import (
    BUNDLE_HEADER,
    ENVELOPE_HEADER,
    HEADER,
    SEEN,
    consistency_holds,
    decode,
    inclusion_holds,
    leaf_hash,
    pae,
    parse_envelope,
    sha256,
)


class Wrong(Exception):
    """What does not hold."""


def require(condition, what):
    if not condition:
        raise Wrong(what)


def unbase64(text):
    return base64.b64decode(text or "", validate=True)


def keys_of(partnership):
    keys = {}
    for organisation in partnership["organisations"]:
        for key in map(bytes.fromhex, organisation.get("signing_keys", [])):
            keys[organisation["id"], sha256(key)[:16]] = Ed25519PublicKey.from_public_bytes(key)
    return keys


def partnership_id(partnership):
    canonical = json.dumps(partnership, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(canonical.encode())


def signed_header(data, signature, keys, partnership):
    """The header's fields and the bundle hash, once its signature holds."""
    header = decode(data, HEADER)
    header["seen"] = decode(header["seen"], SEEN)
    require(header["partnership"] == partnership, "a bundle is of another partnership")
    key = keys.get((header["organisation"], header["key_id"]))
    require(key is not None, f"no key of {header['organisation']} in the partnership file has signed")
    message = pae(BUNDLE_HEADER, data)
    try:
        key.verify(signature, message)
    except InvalidSignature:
        raise Wrong(f"the signature of {header['organisation']} does not hold") from None
    return header, sha256(message)


def path_holds(bundle_hash, index, log):
    path = [unbase64(node) for node in log.get("path", [])]
    return inclusion_holds(leaf_hash(bundle_hash), index, int(log["treeSize"]), path, unbase64(log["root"]))


def verify_inclusion(proof, partnership):
    keys, this = keys_of(partnership), partnership_id(partnership)
    event = proof["event"]
    header, bundle_hash = signed_header(unbase64(event["bundleHeader"]), unbase64(event["signature"]), keys, this)
    require(unbase64(event["bundleHash"]) == bundle_hash, "the bundle hash is not that of the header")
    envelope = parse_envelope(unbase64(event["envelope"]))
    require(unbase64(event["eventHash"]) == envelope["hash"], "the event hash is not that of the envelope")
    path = [unbase64(node) for node in event.get("bundlePath", [])]
    index, count = int(event.get("envelopeIndex", 0)), header["envelope_count"]
    in_bundle = inclusion_holds(leaf_hash(envelope["hash"]), index, count, path, header["envelopes_root"])
    require(in_bundle, "the envelope is not under the root that was signed")
    bundle = int(proof.get("bundleIndex", 0))
    require(path_holds(bundle_hash, bundle, proof["log"]), "the bundle is not in the tree")
    signers = []
    for head in proof.get("heads", []):
        signed, _ = signed_header(unbase64(head["bundleHeader"]), unbase64(head["signature"]), keys, this)
        log, seen = head["log"], signed["seen"]
        require(signed["organisation"] == head["organisation"] != header["organisation"], "a head is not another's")
        named = (int(log["treeSize"]), unbase64(log["root"]))
        require(named == (seen["size"], seen["root"]), "a head has signed for another tree")
        require(path_holds(bundle_hash, bundle, log), "the bundle is not in the tree that a head signed for")
        signers.append(signed["organisation"])
    return (
        f"{header['organisation']} signed event {envelope['event_id'].hex()} in bundle {bundle}; "
        f"{', '.join(signers) or 'nobody else'} signed for it"
    )


def verify_consistency(proof):
    old, new = int(proof.get("oldSize", 0)), int(proof["newSize"])
    old_root, new_root = unbase64(proof["oldRoot"]), unbase64(proof["newRoot"])
    path = [unbase64(node) for node in proof.get("path", [])]
    if old == 0:
        holds = not path and old_root == sha256(b"")
    elif old == new:
        holds = not path and old_root == new_root
    else:
        holds = consistency_holds(old, new, path, old_root, new_root)
    require(holds, f"the log of {old} bundles is not the beginning of the log of {new}")
    return f"the log of {old} bundles is the beginning of the log of {new}"


def main(partnership, *proofs):
    text = pathlib.Path(partnership).read_text()
    # The canonical form of the file will do as well.
    partnership = json.loads(text) if text.startswith("{") else tomllib.loads(text)
    for name in proofs:
        proof = json.loads(pathlib.Path(name).read_text())
        print(verify_inclusion(proof, partnership) if "event" in proof else verify_consistency(proof))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Wrong as wrong:
        sys.exit(f"does not hold: {wrong}")
