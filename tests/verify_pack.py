"""Verifies an audit pack, written from docs/reference/audit-pack.md and docs/format.md alone.

    python verify_pack.py PACK [--partnership ID] [--trusted-head SIZE:ROOT]

It shares no code with concordat: protobuf is decoded by hand, admission and proofs are written again. It checks files, signatures, chains,
admission, tree, paths, pins, keys and the running hash of each case; it has no judging rules, so rulings and deadlines it leaves to others.
What it did not look at, and what no pack can prove, stands in `not_proven`, by the codes of the page.
Needs Python 3.11 or later and the package `cryptography`. Prints one JSON object; exits 0 if nothing was found, 7 if something was,
2 if a file is no pack.
"""

import argparse
import hashlib
import io
import json
import sys
import zipfile
import zlib

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

# What `zipfile` raises where a ZIP was damaged; the last two for flags and methods that no pack has.
DAMAGED = (KeyError, zipfile.BadZipFile, EOFError, zlib.error, OSError, RuntimeError, NotImplementedError)
MANIFEST, SIGNATURE, PARTNERSHIP = "manifest.json", "manifest.sig.json", "partnership.json"
MANIFEST_TYPE = "application/vnd.concordat.audit-pack-manifest.v1+json"
BUNDLE_TYPE = "application/vnd.concordat.bundle-header.v1+protobuf"
ENVELOPE_TYPE = "application/vnd.concordat.envelope-header.v1+protobuf"
CHANGE_TYPE = "application/vnd.concordat.partnership-change.v1+protobuf"
RECORD_BYTES_MAX, ENTRY_BYTES_MAX = 512 * 1024, 1024 * 1024
EVENT, KEY, CHANGE = 1, 2, 3
CLEAR, LINE, OFFER = 1, 2, 3
ZERO = bytes(32)
COMPARTMENTS = {"process", "identity", "narrative", "health", "social-care", "third-party", "safeguarding", "staff"}
# The order of the group of Ed25519 (RFC 8032, 5.1), and the encodings of its points of small order.
ORDER = 2**252 + 27742317777372353535851937790883648493
FIELD = 2**255 - 19
SMALL_ORDER = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
}


class NoPack(Exception):
    """The file cannot be read as a pack."""


class Malformed(Exception):
    """Bytes are not what they should be."""


class Refused(Exception):
    """A bundle does not count, for the reason in its first argument."""


# Strict protobuf


def read_varint(data, at):
    value = shift = 0
    start = at
    while True:
        if at >= len(data) or at - start >= 10:
            raise Malformed("varint")
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            break
    if (byte == 0 and at - start > 1) or value >= 1 << 64:
        raise Malformed("varint is not minimal")
    return value, at


DEFAULTS = {"u32": 0, "u64": 0, "bytes": b"", "text": "", "message": None}


def decode(data, schema):
    message = {name: [] if kind == "list" else DEFAULTS[kind] for name, kind in schema.values()}
    at = last = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        number, wire = tag >> 3, tag & 7
        if number not in schema:
            raise Malformed("unknown field")
        name, kind = schema[number]
        if number < last or (number == last and kind != "list"):
            raise Malformed("twice, or out of order")
        last = number
        if wire != (0 if kind in ("u32", "u64") else 2):
            raise Malformed("wire type")
        value, at = read_varint(data, at)
        if kind in ("u32", "u64"):
            if value == 0 or (kind == "u32" and value >= 1 << 32):
                raise Malformed("default written out, or out of range")
            message[name] = value
            continue
        if at + value > len(data):
            raise Malformed("cut short")
        value, at = data[at : at + value], at + value
        if kind == "list":
            message[name].append(value)
        elif not value and kind != "message":
            raise Malformed("default written out")
        elif kind == "text":
            try:
                message[name] = value.decode("utf-8")
            except UnicodeDecodeError:
                raise Malformed("text") from None
        else:
            message[name] = value
    return message


PACKED = {
    1: ("index", "u64"),
    2: ("header", "bytes"),
    3: ("signature", "bytes"),
    4: ("envelopes", "list"),
    5: ("path", "list"),
    6: ("seen_path", "list"),
    7: ("ended_path", "list"),
}
PACKED_ENVELOPE = {1: ("header", "bytes"), 2: ("parts", "list"), 3: ("hash", "bytes")}
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
PART = {1: ("index", "u32"), 2: ("data", "bytes")}
ENVELOPE = {
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


# Hashes


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


class Tree:
    """The tree of RFC 6962: complete nodes by level, so that a head at any size costs little."""

    def __init__(self):
        self.levels = [[]]

    def append(self, data):
        node, level = leaf_hash(data), 0
        while True:
            if level == len(self.levels):
                self.levels.append([])
            nodes = self.levels[level]
            nodes.append(node)
            if len(nodes) % 2:
                return
            node, level = node_hash(nodes[-2], node), level + 1

    @property
    def size(self):
        return len(self.levels[0])

    def head(self, size):
        if size > self.size:
            return None
        at, peaks = 0, []
        for level in reversed(range(len(self.levels))):
            if size - at >= 1 << level:
                peaks.append(self.levels[level][at >> level])
                at += 1 << level
        if not peaks:
            return sha256(b"")
        value = peaks.pop()
        while peaks:
            value = node_hash(peaks.pop(), value)
        return value


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
    if old > new:
        return False
    if old == 0:
        return not path and old_root == sha256(b"")
    if old == new:
        return not path and old_root == new_root
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
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


# Signatures


def public_key(text):
    """A canonical encoding of a point that is not of small order."""
    key = bytes.fromhex(text)
    if len(key) != 32 or text in SMALL_ORDER or int.from_bytes(key, "little") % 2**255 >= FIELD:
        raise Malformed("public key")
    return key


def signed_by(key, payload_type, body, signature):
    """Strictly: S below the group order, R not of small order; the library's equation has no cofactor."""
    if len(signature) != 64 or int.from_bytes(signature[32:], "little") >= ORDER or signature[:32].hex() in SMALL_ORDER:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, pae(payload_type, body))
    except (InvalidSignature, ValueError):
        return False
    return True


# Records


def require(condition, what):
    if not condition:
        raise Malformed(what)


def is_organisation(text):
    scheme, _, code = text.partition(":")
    letters = all(char.isascii() and (char.isalnum() or char == "-") for char in code)
    return scheme in ("ods", "gss", "cqc") and 0 < len(code) <= 32 and letters


def parse_envelope(packed):
    """The envelope, or only its hash; and the parts that are not what the header names."""
    frame = decode(packed, PACKED_ENVELOPE)
    if not frame["header"]:
        require(len(frame["hash"]) == 32 and not frame["parts"], "hash of an envelope")
        return {"hash": frame["hash"], "class": None}, []
    require(not frame["hash"] and len(frame["header"]) <= 8192, "envelope header")
    header = decode(frame["header"], ENVELOPE)
    references = [decode(reference, REFERENCE) for reference in header["parts"]]
    kind = header["class"]
    require(len(header["event_id"]) == 16 and kind in (EVENT, KEY, CHANGE), "envelope header")
    if kind == CHANGE:
        require(not (header["case_id"] or header["case_seq"] or header["case_prev"]), "case")
    else:
        require(len(header["case_id"]) == 16 and header["case_seq"] > 0 and len(header["case_prev"]) == 32, "case")
    for reference in references:
        require(reference["suite"] in (CLEAR, LINE, OFFER) and len(reference["hash"]) == 32, "reference")
        require(reference["length"] <= RECORD_BYTES_MAX and reference["schema_version"] > 0, "reference")
        named = (reference["alias"] > 0, reference["key_version"] > 0)
        require(named == ((True, True) if reference["suite"] == LINE else (False, False)), "reference")
    suites = [reference["suite"] for reference in references]
    fits = {
        EVENT: 0 < len(suites) <= 64 and set(suites) == {LINE},
        KEY: suites in ([LINE], [LINE, OFFER], [CLEAR]),
        CHANGE: suites == [CLEAR],
    }
    require(fits[kind], "parts")
    parts, changed, following = {}, [], 0
    for part in (decode(part, PART) for part in frame["parts"]):
        require(following <= part["index"] < len(references), "part order")
        following = part["index"] + 1
        reference = references[part["index"]]
        if len(part["data"]) == reference["length"] and sha256(part["data"]) == reference["hash"]:
            parts[part["index"]] = part["data"]
        else:
            changed.append(part["index"])
    require(0 in parts, "part 0")
    envelope = {**header, "hash": sha256(pae(ENVELOPE_TYPE, frame["header"])), "content": parts, "references": references}
    return envelope, changed


def parse_entry(data):
    frame = decode(data, PACKED)
    require(len(frame["header"]) <= 1024, "bundle header")
    header = decode(frame["header"], HEADER)
    if header["format"] != 1:
        raise Refused("format-not-known")
    require(header["seen"] is not None, "bundle header")
    header["seen"] = decode(header["seen"], SEEN)
    lengths = [("partnership", 32), ("key_id", 16), ("prev", 32), ("envelopes_root", 32)]
    require(all(len(header[name]) == length for name, length in lengths), "bundle header")
    require(header["directory_version"] > 0 and header["seq"] > 0 and is_organisation(header["organisation"]), "bundle header")
    require(header["seen"]["generation"] > 0 and len(header["seen"]["root"]) == 32, "bundle header")
    require(header["claimed_time_ms"] <= 253402207200999 and len(frame["signature"]) == 64, "bundle header")
    require(len(frame["envelopes"]) == header["envelope_count"] <= 256, "envelope count")
    for name in ("path", "seen_path", "ended_path"):
        require(len(frame[name]) <= 128 and all(len(node) == 32 for node in frame[name]), name)
    envelopes, changed = [], []
    for place, packed in enumerate(frame["envelopes"]):
        envelope, parts = parse_envelope(packed)
        envelopes.append(envelope)
        changed += [(place, part) for part in parts]
    tree = Tree()
    for envelope in envelopes:
        tree.append(envelope["hash"])
    require(tree.head(tree.size) == header["envelopes_root"], "envelopes root")
    return {
        **header,
        **{name: frame[name] for name in ("index", "path", "seen_path", "ended_path", "signature")},
        "header_bytes": frame["header"],
        "hash": sha256(pae(BUNDLE_TYPE, frame["header"])),
        "envelopes": envelopes,
        "changed": changed,
    }


# Partnership


def canonical(content):
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class Directory:
    """One version of the directory."""

    def __init__(self, text):
        self.text, self.content = text, json.loads(text)
        require(canonical(self.content) == text, "not in canonical form")
        self.keys, self.cuts = {}, {}
        for member in self.content["organisations"]:
            for key in map(public_key, member.get("signing_keys", [])):
                self.keys[member["id"], sha256(key)[:16]] = key
            for revoked in member.get("revoked_keys", []):
                self.cuts[member["id"], bytes.fromhex(revoked["key_id"])] = revoked["cut"]
        self.signers = sorted({organisation for organisation, _ in self.keys})


RECORD = {1: ("change", "bytes"), 2: ("signatures", "list")}
CHANGE_SIGNATURE = {1: ("organisation", "text"), 2: ("key_id", "bytes"), 3: ("signature", "bytes")}
PARTNERSHIP_CHANGE = {
    1: ("partnership", "bytes"),
    2: ("directory_version", "message"),
    3: ("calendar_version", "message"),
    4: ("generation_start", "message"),
    5: ("directory_event", "message"),
}
DIRECTORY_VERSION = {1: ("version", "u64"), 2: ("previous", "bytes"), 3: ("document", "bytes")}
GENERATION_START = {1: ("ended", "u64"), 2: ("size", "u64"), 3: ("root", "bytes")}


# Admission, of a whole log or of parts whose places are proven


class Log:
    def __init__(self, pack, founding):
        scope = pack.manifest["scope"]
        self.whole = scope["kind"] == "partnership"
        self.complete = scope.get("organisation")
        self.partnership = bytes.fromhex(pack.manifest["partnership"])
        self.size, self.root = pack.manifest["range"]["size"], bytes.fromhex(pack.manifest["range"]["root"])
        self.directories, self.cuts, self.ended = [], {}, []
        self.tree, self.chains, self.cases, self.covered = Tree(), {}, {}, {}
        self.heads = {}
        self.next = 0
        self.bring_into_force(founding)

    def bring_into_force(self, directory):
        for key, cut in directory.cuts.items():
            self.cuts[key] = min(cut, self.cuts.get(key, cut))
        self.directories.append(directory)

    def admit(self, bundle):
        """Takes a bundle in; says whether its `seen` holds and whether the author's bundle before it is there."""
        author, seq = bundle["organisation"], bundle["seq"]
        chain = self.chains.get(author)
        if self.whole and bundle["index"] < self.next:
            same = self.tree.levels[0][bundle["index"]] == leaf_hash(bundle["hash"]) if bundle["index"] < self.tree.size else False
            raise Refused("bundle-twice" if same else "bundle-order")
        if not self.whole and not self.next <= bundle["index"] < self.size:
            raise Refused("bundle-order")
        if bundle["partnership"] != self.partnership:
            raise Refused("other-partnership")
        if self.whole and chain and seq in chain["all"] and chain["all"][seq] == bundle["hash"]:
            raise Refused("bundle-twice")
        self.check_author(bundle, chain)
        last, prev = (chain["seq"], chain["hash"]) if chain else (0, ZERO)
        if self.whole and chain and seq in chain["all"]:
            raise Refused("fork")
        if not self.whole and chain and seq == last:
            raise Refused("bundle-twice" if bundle["hash"] == prev else "fork")
        if seq <= last or (self.whole and seq != last + 1):
            raise Refused("not-next")
        follows = seq == last + 1
        if follows and bundle["prev"] != prev:
            raise Refused("other-predecessor")
        heads = self.case_heads(bundle)
        if not self.whole and not inclusion_holds(leaf_hash(bundle["hash"]), bundle["index"], self.size, bundle["path"], self.root):
            raise Refused("not-included")
        holds = self.seen_holds(bundle)
        return self.take(bundle, heads, holds), follows

    def check_author(self, bundle, chain):
        author, version = bundle["organisation"], bundle["directory_version"]
        extends = chain is None or bundle["seq"] > chain["seq"] or not self.whole
        if version > len(self.directories) or (extends and chain and version < chain["version"]):
            raise Refused("directory-version")
        directory = self.directories[version - 1]
        if 1 not in directory.content["formats"]:
            raise Refused("format-not-permitted")
        key = directory.keys.get((author, bundle["key_id"]))
        if key is None:
            raise Refused("key-not-permitted")
        if bundle["seq"] >= self.cuts.get((author, bundle["key_id"]), 1 << 64):
            raise Refused("key-revoked")
        if not signed_by(key, BUNDLE_TYPE, bundle["header_bytes"], bundle["signature"]):
            raise Refused("bad-signature")

    def case_heads(self, bundle):
        heads = {}
        for envelope in bundle["envelopes"]:
            if envelope["class"] in (None, CHANGE):
                continue
            case = (bundle["organisation"], envelope["case_id"])
            seq, prev = heads.get(case) or self.cases.get(case) or (0, ZERO)
            if envelope["case_seq"] != seq + 1 or envelope["case_prev"] != prev:
                raise Refused("case-chain")
            heads[case] = (seq + 1, envelope["hash"])
        return heads

    def seen_holds(self, bundle):
        seen, generation = bundle["seen"], len(self.ended) + 1
        if seen["generation"] > generation:
            return False
        if seen["generation"] < generation and seen["size"] > self.ended[seen["generation"] - 1]:
            return False
        if seen["size"] < self.covered.get(bundle["organisation"], 0):
            return False
        if self.whole:
            return self.tree.head(seen["size"]) == seen["root"]
        here = seen["size"] <= bundle["index"]
        return here and consistency_holds(seen["size"], self.size, bundle["seen_path"], seen["root"], self.root)

    def take(self, bundle, heads, holds):
        author = bundle["organisation"]
        changes = self.changes(bundle) if holds else []
        chain = self.chains.setdefault(author, {"all": {}})
        chain.update(seq=bundle["seq"], hash=bundle["hash"], version=bundle["directory_version"])
        if self.whole:
            chain["all"][bundle["seq"]] = bundle["hash"]
            self.tree.append(bundle["hash"])
        if holds:
            self.covered[author] = max(self.covered.get(author, 0), bundle["seen"]["size"])
            self.heads[bundle["seen"]["size"]] = bundle["seen"]["root"]
        self.cases.update(heads)
        for change in changes:
            change()
        return holds

    def changes(self, bundle):
        """The first effective change of a bundle. Events of the directory and calendars do not touch admission."""
        for envelope in bundle["envelopes"]:
            if envelope["class"] == CHANGE:
                try:
                    change = self.change(envelope["content"][0], bundle)
                except (Malformed, ValueError, KeyError):
                    continue
                if change:
                    return [change]
        return []

    def change(self, part, bundle):
        record = decode(part, RECORD)
        change = decode(record["change"], PARTNERSHIP_CHANGE)
        if change["partnership"] != self.partnership or self.signers(record) < self.directories[-1].content["change_threshold"]:
            return None
        if change["directory_version"] is not None:
            following = decode(change["directory_version"], DIRECTORY_VERSION)
            newest = self.directories[-1]
            directory = Directory(following["document"].decode("utf-8"))
            if following["version"] != len(self.directories) + 1 or following["previous"] != sha256(newest.text.encode()):
                return None
            return lambda: self.bring_into_force(directory)
        if change["generation_start"] is not None:
            start = decode(change["generation_start"], GENERATION_START)
            if self.whole:
                here = self.tree.head(start["size"]) == start["root"]
            else:
                here = consistency_holds(start["size"], self.size, bundle["ended_path"], start["root"], self.root)
            after = not self.ended or start["size"] >= self.ended[-1]
            if start["ended"] != len(self.ended) + 1 or not here or not after:
                return None
            return lambda: self.ended.append(start["size"])
        return None

    def signers(self, record):
        signed = set()
        for signature in (decode(one, CHANGE_SIGNATURE) for one in record["signatures"]):
            by = (signature["organisation"], signature["key_id"])
            key = self.directories[-1].keys.get(by)
            if key and by not in self.cuts and signed_by(key, CHANGE_TYPE, record["change"], signature["signature"]):
                signed.add(signature["organisation"])
        return len(signed)


# Sealed parts


def bucket(length):
    if length <= 256:
        return 256
    exponent = length.bit_length() - 1
    mask = (1 << (exponent - exponent.bit_length())) - 1
    return (length + mask) & ~mask


def open_part(key, place, part):
    part_key = HKDF(hashes.SHA256(), 32, salt=part[:32], info=labelled("concordat/v1/part-key", *place)).derive(key)
    try:
        padded = AESGCM(part_key).decrypt(bytes(12), part[32:], labelled("concordat/v1/part", *place))
    except (InvalidTag, ValueError):
        return None
    length = int.from_bytes(padded[:4], "big")
    exact = len(padded) == bucket(4 + length) and not any(padded[4 + length :])
    return padded[4 : 4 + length] if exact else None


def fields_of(message):
    """Number and value of each field of a protobuf message, whatever its schema."""
    at = 0
    while at < len(message):
        tag, at = read_varint(message, at)
        if tag & 7 == 0:
            value, at = read_varint(message, at)
        elif tag & 7 == 2:
            length, at = read_varint(message, at)
            value, at = message[at : at + length], at + length
        else:
            raise Malformed("wire type")
        yield tag >> 3, value


def stated(kind, opened):
    """What the author says it had applied: fields 18 and 19 of an `Event`, 1 and 2 of a `KeyRecord`."""
    count, running = (18, 19) if kind == EVENT else (1, 2)
    found = dict(fields_of(opened))
    return (found.get(count, 0), found[running]) if running in found else None


# The pack


class Pack:
    def __init__(self, file):
        try:
            self.zip = zipfile.ZipFile(file)
            self.manifest_bytes = self.zip.read(MANIFEST)
            self.manifest = json.loads(self.manifest_bytes)
            self.signature = json.loads(self.zip.read(SIGNATURE))
        except (*DAMAGED, ValueError) as error:
            raise NoPack(str(error)) from None
        if self.manifest.get("format") != 1:
            raise NoPack("another format")
        self.findings = []
        self.opened = 0

    def find(self, code, **place):
        self.findings.append({"code": code, **place})

    def members(self, folder):
        return [member["name"] for member in self.manifest["members"] if member["name"].startswith(folder)]

    def read(self, name):
        try:
            return self.zip.read(name)
        except DAMAGED:
            return None

    def check_members(self):
        names = [info.filename for info in self.zip.infolist()]
        listed = {MANIFEST, SIGNATURE}
        for member in self.manifest["members"]:
            name = member["name"]
            if name in listed:
                self.find("member-unlisted", member=name)
                continue
            listed.add(name)
            if name not in names:
                self.find("member-missing", member=name)
                continue
            data = self.read(name)
            if data is None or len(data) != member["bytes"] or sha256(data).hex() != member["sha256"]:
                self.find("member-changed", member=name)
        for name in names:
            if name not in listed:
                self.find("member-unlisted", member=name)
        if len(set(names)) != len(names):
            self.find("member-unlisted")

    def directory(self, expected):
        data = self.read(PARTNERSHIP)
        try:
            directory = Directory((data or b"").decode("utf-8"))
        except (Malformed, ValueError, KeyError):
            self.find("member-malformed", member=PARTNERSHIP)
            return None
        found = sha256(directory.text.encode()).hex()
        if found != self.manifest["partnership"]:
            self.find("other-partnership", member=PARTNERSHIP)
        if expected and found != expected:
            self.find("other-partnership", member=PARTNERSHIP)
        return directory

    def entries(self, member):
        if self.zip.getinfo(member).compress_type != zipfile.ZIP_STORED:
            raise Malformed("bundles have to be stored")
        with self.zip.open(member) as stream:
            offset = 0
            while True:
                length = taken = 0
                while True:
                    byte = stream.read(1)
                    if not byte:
                        if taken:
                            raise Malformed("cut short")
                        return
                    length |= (byte[0] & 0x7F) << (7 * taken)
                    taken += 1
                    if byte[0] < 0x80:
                        break
                    if taken >= 5:
                        raise Malformed("length")
                data = stream.read(length) if length <= ENTRY_BYTES_MAX else b""
                if len(data) != length:
                    raise Malformed("cut short")
                yield offset, data
                offset += taken + length

    def check_log(self, founding):
        log, broken = Log(self, founding), False
        counts = {"bundles": 0, "envelopes": 0}
        cases = {}
        for member in self.members("bundles/"):
            try:
                for offset, data in self.entries(member):
                    counts["bundles"] += 1
                    broken = self.entry(log, data, {"member": member, "offset": offset}, broken, counts, cases)
            except (Malformed, *DAMAGED) as error:
                self.find("member-malformed", member=member, why=str(error))
        scope = self.manifest["range"]
        if log.whole:
            end = (log.tree.size, log.tree.head(log.tree.size).hex(), len(log.ended) + 1)
            if end != (scope["size"], scope["root"], scope["generation"]):
                self.find("root-differs", member=MANIFEST)
        return log, counts, cases

    def entry(self, log, data, place, broken, counts, cases):
        try:
            bundle = parse_entry(data)
        except Malformed as why:
            self.find("malformed", bundle=log.next, why=str(why), **place)
            log.next += 1
            return True
        except Refused as refused:
            self.find(refused.args[0], bundle=log.next, **place)
            log.next += 1
            return True
        place = {**place, "bundle": bundle["index"], "organisation": bundle["organisation"]}
        for envelope, part in bundle["changed"]:
            self.find("part-changed", envelope=envelope, part=part, **place)
        if log.whole and bundle["index"] > log.next:
            self.find("bundle-missing", **place)
            broken = True
        if log.whole and any(envelope["class"] is None for envelope in bundle["envelopes"]):
            self.find("bundle-missing", **place)
            broken = True
        last = (log.chains.get(bundle["organisation"]) or {"seq": 0})["seq"]
        try:
            holds, follows = log.admit(bundle)
        except Refused as refused:
            self.find(refused.args[0], **place)
            log.next = max(log.next, bundle["index"] + 1)
            return True
        log.next = max(log.next, bundle["index"] + 1)
        if not log.whole and log.complete == bundle["organisation"] and not follows:
            self.find("bundle-missing", after=last, **place)
        if not holds and not broken:
            self.find("split-view", **place)
        for number, envelope in enumerate(bundle["envelopes"]):
            if envelope["class"] is None:
                continue
            counts["envelopes"] += 1
            if envelope["class"] != CHANGE:
                known = cases.setdefault(envelope["case_id"].hex(), [])
                known.append((f"{bundle['index']}.{number}", bundle["organisation"], envelope, holds or broken))
        return broken

    def check_signature(self, log):
        signed = self.signature
        by, key_id = signed["organisation"], bytes.fromhex(signed["key_id"])
        keys = [directory.keys.get((by, key_id)) for directory in log.directories]
        signature = bytes.fromhex(signed["signature"])
        known = by == self.manifest["exported"]["by"] and (by, key_id) not in log.cuts
        holds = known and any(
            key and signed_by(key, MANIFEST_TYPE, self.manifest_bytes, signature) for key in keys
        )
        if not holds:
            self.find("manifest-signature", member=SIGNATURE)

    def check_pins(self, log):
        content = log.directories[-1].content
        for pin in content.get("policy_packs", []):
            data = self.read(f"policy-packs/{pin['id']}.toml")
            if data is None or sha256(data).hex() != pin["hash"]:
                self.find("policy-pack-changed", member=f"policy-packs/{pin['id']}.toml")
        calendars = sha256(self.read("calendars.json") or b"").hex()
        if any(pin["hash"] != calendars for pin in content.get("calendars", [])):
            self.find("calendar-changed", member="calendars.json")

    def check_trusted_head(self, log, trusted):
        size, root = trusted
        if size == log.size:
            found = log.root
        else:
            found = log.tree.head(size) if log.whole else log.heads.get(size)
        if (found is None and size > log.size) or (found is not None and found != root):
            self.find("rolled-back", member=MANIFEST)

    def lines(self, folder):
        for member in self.members(folder):
            for line in (self.read(member) or b"").splitlines():
                try:
                    yield member, json.loads(line)
                except ValueError:
                    self.find("member-malformed", member=member)

    def check_claims(self, cases):
        """Claims are about what is in the pack. What they say of it needs judging rules."""
        claims = 0
        for member, claim in self.lines("claims/"):
            claims += 1
            known = cases.get(claim["case"].replace("-", ""))
            if known is None:
                self.find("claim-unfounded", member=member, case=claim["case"])
                continue
            positions = {position for position, *_ in known}
            said = [ruling["position"] for ruling in claim["rulings"]]
            for position in said:
                if position not in positions or said.count(position) > 1:
                    self.find("claim-unfounded", case=claim["case"], position=position)
        return claims

    def check_keys(self, cases):
        for member, line in self.lines("keys/"):
            shape = {"compartment", "alias", "number", "commitment", "key"}
            if set(line) != {"case", "keys"} or any(set(key) != shape or key["compartment"] not in COMPARTMENTS for key in line["keys"]):
                self.find("member-malformed", member=member)
                continue
            case = bytes.fromhex(line["case"].replace("-", ""))
            keys = {}
            for key in line["keys"]:
                number = (key["alias"].to_bytes(4, "big"), key["number"].to_bytes(4, "big"))
                commitment = sha256(labelled("concordat/v1/key-commitment", case, *number, bytes.fromhex(key["key"])))
                if commitment.hex() != key["commitment"]:
                    self.find("key-mismatch", case=line["case"])
                elif key["compartment"] == "process":
                    keys[number] = bytes.fromhex(key["key"])
            if keys:
                self.opened += 1
                self.check_applied(case, keys, cases.get(case.hex(), []))

    def check_applied(self, case, keys, envelopes):
        """The running hash that authors state, against the one over what is here. Every envelope that is admitted counts."""
        partnership = bytes.fromhex(self.manifest["partnership"])
        running = [ZERO]
        for position, author, envelope, holds in envelopes:
            reference = envelope["references"][0]
            number = (reference["alias"].to_bytes(4, "big"), reference["key_version"].to_bytes(4, "big"))
            if holds and reference["suite"] == LINE and number in keys:
                place = [partnership, author.encode(), envelope["event_id"], case, *number, bytes(4)]
                opened = open_part(keys[number], place, envelope["content"][0])
                said = stated(envelope["class"], opened) if opened is not None else None
                if said and (said[0] >= len(running) or running[said[0]] != said[1]):
                    self.find("applied-differs", position=position)
            running.append(sha256(labelled("concordat/v1/applied", running[-1], author.encode(), envelope["hash"])))

    def check_counts(self, counts, claims):
        found = {**counts, "cases": claims}
        if found != self.manifest["counts"]:
            self.find("counts-differ", member=MANIFEST)


def verify(file, partnership=None, trusted_head=None):
    pack = Pack(file)
    pack.check_members()
    founding = pack.directory(partnership)
    if founding:
        log, counts, cases = pack.check_log(founding)
        pack.check_signature(log)
        pack.check_pins(log)
        if trusted_head:
            pack.check_trusted_head(log, trusted_head)
        claims = pack.check_claims(cases)
        pack.check_keys(cases)
        pack.check_counts(counts, claims)
    unproven = not_proven(pack.manifest, partnership, trusted_head)
    told = {"fingerprint": pack.manifest["partnership"], "cases_opened": pack.opened, "findings": pack.findings, "not_proven": unproven}
    return {"clean": not pack.findings} | told


def not_proven(manifest, partnership, trusted_head):
    """Codes of what a clean report leaves open."""
    codes = ["rulings-not-recomputed"]
    if any(member["name"].startswith(("events/", "timelines/")) for member in manifest["members"]):
        codes.append("renderings-not-recomputed")
    if not partnership:
        codes.append("partnership-not-compared")
    if not trusted_head:
        codes.append("end-not-compared")
    if manifest["scope"]["kind"] != "partnership":
        codes.append("parts-of-the-log")
    return codes


def main():
    parser = argparse.ArgumentParser(description="Verifies an audit pack.")
    parser.add_argument("pack", nargs="+", help="the file; with several, one JSON object a line")
    parser.add_argument("--partnership", help="partnership id that is expected, in hexadecimal")
    parser.add_argument("--trusted-head", help="a head seen earlier, as SIZE:ROOT")
    arguments = parser.parse_args()
    trusted = None
    if arguments.trusted_head:
        size, root = arguments.trusted_head.split(":")
        trusted = (int(size), bytes.fromhex(root))
    worst = 0
    for name in arguments.pack:
        try:
            with open(name, "rb") as file:
                report = verify(io.BytesIO(file.read()), arguments.partnership, trusted)
        # A manifest may be JSON and no manifest.
        except (NoPack, KeyError, TypeError, ValueError, AttributeError) as why:
            print(json.dumps({"unreadable": f"{type(why).__name__}: {why}"}))
            worst = 2
            continue
        if not report["clean"]:
            worst = worst or 7
        print(json.dumps(report))
    sys.exit(worst)


if __name__ == "__main__":
    main()
