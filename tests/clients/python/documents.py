"""Reads the generated documents and a feed by Server-Sent Events as a stranger does: openapi-spec-validator, jsonschema, the CloudEvents SDK.

    python documents.py openapi.json asyncapi.json
    python documents.py --follow http://127.0.0.1:7171 TOKEN FEED OUT.ndjson asyncapi.json
"""

import json
import sys
import urllib.request

from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from jsonschema import Draft202012Validator, Draft7Validator
from openapi_spec_validator import validate


def documents(openapi, asyncapi):
    with open(openapi, encoding="utf-8") as file:
        described = json.load(file)
    validate(described)
    with open(asyncapi, encoding="utf-8") as file:
        messages = json.load(file)["components"]["messages"]
    checked = 0
    for message in messages.values():
        if "examples" not in message:
            continue
        schema = message["payload"]["schema"]["allOf"][1]["properties"]["data"]
        Draft202012Validator.check_schema(schema)
        check = Draft202012Validator(schema)
        for example in message["examples"]:
            check.validate(example["payload"]["data"])
            spoilt = {"noSuchEvent": {}, **example["payload"]["data"]}
            assert not check.is_valid(spoilt), "a schema that takes everything says nothing"
            checked += 1
    return {"paths": len(described["paths"]), "examples": checked}


def block_schemas(asyncapi):
    """By the `event:` of a block in a feed, the schemas of its messages, in draft 7 and with the components that they refer to."""
    with open(asyncapi, encoding="utf-8") as file:
        described = json.load(file)
    names = {reference["$ref"].rsplit("/", 1)[1] for reference in described["channels"]["feed"]["messages"].values()}
    schemas = {}
    for name in names:
        payload = described["components"]["messages"][name]["payload"]
        schema = payload.get("schema", payload)
        said_by_us = schema.get("allOf", [{}, {}])[1].get("properties", {}).get("type", {}).get("const", "")
        kind = name if not said_by_us or ".feed." in said_by_us else "event"
        by_type = schemas.setdefault(kind, {})
        by_type[said_by_us] = Draft7Validator({**schema, "components": described["components"]})
    return schemas


def follow(address, token, feed, out, asyncapi):
    schemas = block_schemas(asyncapi)
    headers = {"authorization": f"Bearer {token}"}
    request = urllib.request.Request(f"{address}/v1/feeds/{feed}/events?takeOver=true", headers=headers)
    kind, types, kinds = None, [], []
    with urllib.request.urlopen(request, timeout=30) as stream, open(out, "w", encoding="utf-8") as kept:
        assert stream.headers["content-type"] == "text/event-stream"
        for raw in stream:
            name, _, value = raw.decode().rstrip("\n").partition(": ")
            if name == "event":
                kind = value
            if name != "data":
                continue
            said = json.loads(value)
            fitting = schemas[kind]
            fitting = fitting[said["type"]] if "type" in said else fitting[""]
            fitting.validate(said)
            assert not fitting.is_valid({"type": 7, "cursor": 7}), "a schema that takes everything says nothing"
            kinds.append(kind)
            if kind == "caught-up":
                return {"types": types, "kinds": sorted(set(kinds))}
            if "specversion" in said:
                event = JSONFormat().read(CloudEvent, value.encode())
                assert event.get_extension("cursor"), value
                types.append(event.get_type())
                kept.write(value + "\n")
    raise SystemExit("the stream ended before it was caught up")


if __name__ == "__main__":
    asked = sys.argv[1:]
    print(json.dumps(follow(*asked[1:]) if asked[0] == "--follow" else documents(*asked)))
