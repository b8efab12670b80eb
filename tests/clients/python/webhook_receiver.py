"""What a receiver of relayed events does: verifies the signature, then reads the CloudEvent.

    python3 webhook_receiver.py SECRET_FILE < posts

Each line of the input is one POST as JSON: {"headers": {…}, "body": "…"}. For each a line with its id, type and subject is printed, or
`refused`.
"""

import json
import sys

from cloudevents.core.bindings.http import HTTPMessage, from_structured_event
from cloudevents.core.formats.json import JSONFormat
from standardwebhooks import Webhook, WebhookVerificationError

# --8<-- verify
secret = open(sys.argv[1], encoding="ascii").read().strip()


def receive(headers, body):
    """The CloudEvent of a POST. Keep its id and drop what was seen before: an event can come twice."""
    Webhook(secret).verify(body, headers)
    return from_structured_event(HTTPMessage(headers, body.encode()), JSONFormat())
# --8<-- end


for line in sys.stdin:
    post = json.loads(line)
    try:
        event = receive(post["headers"], post["body"])
    except WebhookVerificationError:
        print("refused", flush=True)
        continue
    assert event.get_id() == post["headers"]["webhook-id"]
    print(event.get_id(), event.get_type(), event.get_subject(), flush=True)
