"""Verifies tests/vectors/wire.json, written from docs/format.md alone.

It shares no code with concordat: protobuf is decoded by hand, admission is written again. Needs Python 3.11 or later and the package
`cryptography`. Exits 1 and says what does not hold if a single byte differs from what the page prescribes.
"""

import hashlib
import json
import pathlib
import sys
import tomllib

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

RECORD_BYTES_MAX = 512 * 1024
ENVELOPES_MAX = 256
PARTS_MAX = 64
BUNDLE_HEADER = "application/vnd.concordat.bundle-header.v1+protobuf"
ENVELOPE_HEADER = "application/vnd.concordat.envelope-header.v1+protobuf"
ZERO = bytes(32)


class Malformed(Exception):
    """The record is not a well-formed bundle."""


class Refused(Exception):
    """The record does not count, for the reason in its first argument."""


# Section "Strict protobuf"


def read_varint(data, at):
    value = shift = 0
    start = at
    while True:
        if at >= len(data) or at - start >= 10:
            raise Malformed("varint")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at += 1
        shift += 7
        if byte < 0x80:
            break
    if (byte == 0 and at - start > 1) or value >= 1 << 64:
        raise Malformed("varint is not minimal")
    return value, at


def decode(data, schema):
    """Decodes strictly. `schema` maps a field number to (name, kind); kinds: u32, u64, bytes, text, message, list of bytes."""
    message = {name: {"u32": 0, "u64": 0, "bytes": b"", "text": "", "message": None, "list": []}[kind] for name, kind in schema.values()}
    message.update({name: [] for name, kind in schema.values() if kind == "list"})
    at, last = 0, 0
    while at < len(data):
        tag, at = read_varint(data, at)
        number, wire_type = tag >> 3, tag & 7
        if number not in schema:
            raise Malformed("unknown field")
        name, kind = schema[number]
        if number < last or (number == last and kind != "list"):
            raise Malformed("field twice or out of order")
        last = number
        if kind in ("u32", "u64"):
            if wire_type != 0:
                raise Malformed("wire type")
            value, at = read_varint(data, at)
            if value == 0 or (kind == "u32" and value >= 1 << 32):
                raise Malformed("default written out, or out of range")
            message[name] = value
            continue
        if wire_type != 2:
            raise Malformed("wire type")
        length, at = read_varint(data, at)
        if at + length > len(data):
            raise Malformed("cut short")
        value, at = data[at : at + length], at + length
        if kind == "list":
            message[name].append(value)
        elif not value and kind != "message":
            raise Malformed("default written out")
        else:
            try:
                message[name] = value.decode("utf-8") if kind == "text" else value
            except UnicodeDecodeError:
                raise Malformed("text") from None
    return message


BUNDLE = {1: ("header", "bytes"), 2: ("signature", "bytes"), 3: ("envelopes", "list")}
HEADER = {
    1: ("format", "u32"),
    2: ("partnership", "bytes"),
    3: ("organisation", "text"),
    4: ("key_id", "bytes"),
    5: ("directory_version", "u64"),
    6: ("seq", "u64"),
    7: ("prev", "bytes"),
    8: ("seen", "message"),
    9: ("claimed_time_ms", "u64"),
    10: ("envelope_count", "u32"),
    11: ("envelopes_root", "bytes"),
}
SEEN = {1: ("generation", "u64"), 2: ("size", "u64"), 3: ("root", "bytes")}
ENVELOPE = {1: ("header", "bytes"), 2: ("parts", "list")}
PART = {1: ("index", "u32"), 2: ("data", "bytes")}
ENVELOPE_HEADER_FIELDS = {
    1: ("event_id", "bytes"),
    2: ("class", "u32"),
    3: ("case_id", "bytes"),
    4: ("case_seq", "u64"),
    5: ("case_prev", "bytes"),
    6: ("parts", "list"),
}
REFERENCE = {
    1: ("alias", "u32"),
    2: ("key_version", "u32"),
    3: ("suite", "u32"),
    4: ("length", "u32"),
    5: ("hash", "bytes"),
    6: ("schema_version", "u32"),
}
EVENT, KEY, PARTNERSHIP = 1, 2, 3
CLEAR, LINE, OFFER = 1, 2, 3


# Section "Hashes"


def sha256(data):
    return hashlib.sha256(data).digest()


def pae(payload_type, body):
    return b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(body), body)


def labelled(label, *fields):
    return b"".join(len(item).to_bytes(4, "big") + item for item in (label.encode(), *fields))


def leaf_hash(data):
    return sha256(b"\x00" + data)


def node_hash(left, right):
    return sha256(b"\x01" + left + right)


def tree_head(leaves):
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaf_hash(leaves[0])
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return node_hash(tree_head(leaves[:split]), tree_head(leaves[split:]))


def inclusion_holds(leaf, index, size, path, root):
    if index >= size:
        return False
    node, last, value = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            value = node_hash(sibling, value)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and value == root


def consistency_holds(old, new, path, old_root, new_root):
    path = list(path)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            first, second = node_hash(sibling, first), node_hash(sibling, second)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            second = node_hash(second, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


# Section "Records"


def require(condition, what):
    if not condition:
        raise Malformed(what)


def is_organisation(text):
    scheme, _, code = text.partition(":")
    alphabet = all(char.isascii() and (char.isalnum() or char == "-") for char in code)
    return scheme in ("ods", "gss", "cqc") and 0 < len(code) <= 32 and alphabet


def parse_envelope(data):
    frame = decode(data, ENVELOPE)
    require(len(frame["header"]) <= 8 * 1024, "envelope header too long")
    header = decode(frame["header"], ENVELOPE_HEADER_FIELDS)
    references = [decode(reference, REFERENCE) for reference in header["parts"]]
    require(len(header["event_id"]) == 16, "event id")
    kind = header["class"]
    require(kind in (EVENT, KEY, PARTNERSHIP), "class")
    if kind == PARTNERSHIP:
        require(not header["case_id"] and not header["case_seq"] and not header["case_prev"], "case")
    else:
        require(len(header["case_id"]) == 16 and header["case_seq"] > 0 and len(header["case_prev"]) == 32, "case")
    for reference in references:
        require(reference["suite"] in (CLEAR, LINE, OFFER) and len(reference["hash"]) == 32, "reference")
        require(reference["length"] <= RECORD_BYTES_MAX and reference["schema_version"] > 0, "reference")
        named = (reference["alias"] > 0, reference["key_version"] > 0)
        require(named == ((True, True) if reference["suite"] == LINE else (False, False)), "reference")
    suites = [reference["suite"] for reference in references]
    if kind == EVENT:
        require(0 < len(suites) <= PARTS_MAX and set(suites) == {LINE}, "parts of an event")
    elif kind == KEY:
        require(suites in ([LINE], [LINE, OFFER], [CLEAR]), "parts of a key record")
    else:
        require(suites == [CLEAR], "parts of a partnership record")
    parts, following = {}, 0
    for part in (decode(part, PART) for part in frame["parts"]):
        require(following <= part["index"] < len(references), "part order")
        following = part["index"] + 1
        reference = references[part["index"]]
        if len(part["data"]) == reference["length"] and sha256(part["data"]) == reference["hash"]:
            parts[part["index"]] = part["data"]
    require(0 in parts, "part 0")
    missing = [index for index in range(len(references)) if index not in parts]
    return {**header, "hash": sha256(pae(ENVELOPE_HEADER, frame["header"])), "content": parts, "missing": missing}


def parse_bundle(record):
    require(len(record) <= RECORD_BYTES_MAX, "record too long")
    frame = decode(record, BUNDLE)
    require(len(frame["header"]) <= 1024, "header too long")
    header = decode(frame["header"], HEADER)
    require(header["format"] == 1 and header["seen"] is not None, "header")
    header["seen"] = decode(header["seen"], SEEN)
    lengths = [("partnership", 32), ("key_id", 16), ("prev", 32), ("envelopes_root", 32)]
    require(all(len(header[name]) == length for name, length in lengths), "header")
    require(header["directory_version"] > 0 and header["seq"] > 0 and is_organisation(header["organisation"]), "header")
    require(header["seen"]["generation"] > 0 and len(header["seen"]["root"]) == 32, "header")
    require(header["claimed_time_ms"] <= 253402207200999, "header")
    require(len(frame["signature"]) == 64, "signature")
    require(len(frame["envelopes"]) == header["envelope_count"] <= ENVELOPES_MAX, "envelope count")
    envelopes = [parse_envelope(envelope) for envelope in frame["envelopes"]]
    require(tree_head([envelope["hash"] for envelope in envelopes]) == header["envelopes_root"], "envelopes root")
    header_pae = pae(BUNDLE_HEADER, frame["header"])
    return {**header, "pae": header_pae, "hash": sha256(header_pae), "signature": frame["signature"], "envelopes": envelopes}


# Section "Admission". The vectors stay within directory version 1 and generation 1.


class Log:
    def __init__(self, partnership_id, content):
        self.partnership = partnership_id
        self.keys = {}
        for organisation in content["organisations"]:
            for key in map(bytes.fromhex, organisation.get("signing_keys", [])):
                self.keys[organisation["id"], sha256(key)[:16]] = Ed25519PublicKey.from_public_bytes(key)
        self.hashes, self.chains, self.cases, self.covered = [], {}, {}, {}

    def admit(self, record):
        try:
            bundle = parse_bundle(record)
        except Malformed:
            return {"outcome": "refused", "reason": "malformed"}
        try:
            return self.rule(bundle)
        except Refused as refused:
            return {"outcome": "refused", "reason": refused.args[0]}

    def rule(self, bundle):
        author, seq = bundle["organisation"], bundle["seq"]
        chain = self.chains.setdefault(author, [])
        if bundle["partnership"] != self.partnership:
            raise Refused("other-partnership")
        if seq <= len(chain) and self.hashes[chain[seq - 1]] == bundle["hash"]:
            missing = [envelope["missing"] for envelope in bundle["envelopes"]]
            return {"outcome": "already-admitted", "index": chain[seq - 1], "missing_parts": missing}
        if bundle["directory_version"] != 1:
            raise Refused("directory-version")
        if (author, bundle["key_id"]) not in self.keys:
            raise Refused("key-not-permitted")
        try:
            self.keys[author, bundle["key_id"]].verify(bundle["signature"], bundle["pae"])
        except InvalidSignature:
            raise Refused("bad-signature") from None
        if seq <= len(chain):
            return {"outcome": "fork", "index": chain[seq - 1]}
        if seq != len(chain) + 1:
            raise Refused("not-next")
        if bundle["prev"] != (self.hashes[chain[-1]] if chain else ZERO):
            raise Refused("other-predecessor")
        return self.take(bundle, chain, self.case_heads(bundle))

    def case_heads(self, bundle):
        heads = {}
        for envelope in bundle["envelopes"]:
            if envelope["class"] == PARTNERSHIP:
                continue
            case = (bundle["organisation"], envelope["case_id"])
            seq, prev = heads.get(case) or self.cases.get(case) or (0, ZERO)
            if envelope["case_seq"] != seq + 1 or envelope["case_prev"] != prev:
                raise Refused("case-chain")
            heads[case] = (seq + 1, envelope["hash"])
        return heads

    def take(self, bundle, chain, heads):
        author, seen = bundle["organisation"], bundle["seen"]
        holds = (
            seen["generation"] == 1
            and self.covered.get(author, 0) <= seen["size"] <= len(self.hashes)
            and tree_head(self.hashes[: seen["size"]]) == seen["root"]
        )
        if holds:
            self.covered[author] = seen["size"]
        chain.append(len(self.hashes))
        self.hashes.append(bundle["hash"])
        self.cases.update(heads)
        return {
            "outcome": "admitted",
            "index": chain[-1],
            "bundle_hash": bundle["hash"].hex(),
            "header_pae": bundle["pae"].hex(),
            "event_hashes": [envelope["hash"].hex() for envelope in bundle["envelopes"]],
            "missing_parts": [envelope["missing"] for envelope in bundle["envelopes"]],
            "seen_holds": holds,
            "root_after": tree_head(self.hashes).hex(),
        }


# Section "Sealed parts"


def bucket(length):
    if length <= 256:
        return 256
    exponent = length.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (length + mask) & ~mask


def open_part(vector):
    part = bytes.fromhex(vector["part"])
    place = [bytes.fromhex(vector["partnership"]), vector["organisation"].encode(), bytes.fromhex(vector["event_id"])]
    place += [bytes.fromhex(vector["case"])]
    place += [vector[name].to_bytes(4, "big") for name in ("alias", "key_version", "index")]
    info = labelled("concordat/v1/part-key", *place)
    key = HKDF(hashes.SHA256(), 32, salt=part[:32], info=info).derive(bytes.fromhex(vector["key"]))
    try:
        padded = AESGCM(key).decrypt(bytes(12), part[32:], labelled("concordat/v1/part", *place))
    except InvalidTag:
        return None
    length = int.from_bytes(padded[:4], "big")
    exact = len(padded) == bucket(4 + length) and not any(padded[4 + length :])
    return padded[4 : 4 + length] if exact else None


def commitment(case, alias, number, key):
    fields = (bytes.fromhex(case), alias.to_bytes(4, "big"), number.to_bytes(4, "big"), bytes.fromhex(key))
    return sha256(labelled("concordat/v1/key-commitment", *fields)).hex()


def check_all(vectors):
    """Yields what does not hold."""
    partnership = vectors["partnership"]
    content = tomllib.loads(partnership["toml"])
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if canonical != partnership["canonical"]:
        yield "canonical form of the partnership file"
    if sha256(canonical.encode()).hex() != partnership["id"]:
        yield "partnership id"
    for vector in vectors["pae"]:
        if pae(vector["type"], bytes.fromhex(vector["body"])).hex() != vector["pae"]:
            yield "PAE"

    log = Log(bytes.fromhex(partnership["id"]), content)
    for number, record in enumerate(vectors["log"]["records"]):
        found = log.admit(bytes.fromhex(record["record"]))
        if found != record["expect"]:
            yield f"record {number} ({record['what']}): expected {record['expect']}, found {found}"
    root = tree_head(log.hashes)
    if root.hex() != vectors["log"]["root"]:
        yield "root of the log"
    inclusion = vectors["log"]["inclusion"]
    path = [bytes.fromhex(node) for node in inclusion["path"]]
    if not inclusion_holds(leaf_hash(log.hashes[inclusion["index"]]), inclusion["index"], inclusion["size"], path, root):
        yield "inclusion path"
    consistency = vectors["log"]["consistency"]
    path = [bytes.fromhex(node) for node in consistency["path"]]
    old_root = tree_head(log.hashes[: consistency["old"]])
    if not consistency_holds(consistency["old"], consistency["new"], path, old_root, root):
        yield "consistency path"

    sealed = vectors["sealed_part"]
    if open_part(sealed) != bytes.fromhex(sealed["content"]):
        yield "sealed part"
    if commitment(sealed["case"], sealed["alias"], sealed["key_version"], sealed["key"]) != sealed["commitment"]:
        yield "commitment of the sealed part's key"
    grant = vectors["grant"]
    if commitment(sealed["case"], grant["alias"], grant["number"], grant["key"]) != grant["commitment"]:
        yield "commitment of the granted key"


def main():
    default = pathlib.Path(__file__).parent / "vectors" / "wire.json"
    path = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    try:
        problems = list(check_all(json.loads(path.read_text(encoding="utf-8"))))
    except (LookupError, ValueError) as error:
        problems = [f"vectors cannot be read to their end: {error!r}"]
    for problem in problems:
        print(f"does not hold: {problem}")
    if problems:
        sys.exit(1)
    print("all vectors hold")


if __name__ == "__main__":
    main()
