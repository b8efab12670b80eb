#!/usr/bin/env bash
# A local system of one organisation with nothing but curl and jq: emits a complaint, then follows the feed.
#
#   CONCORDAT_SERVER=http://127.0.0.1:7171 CONCORDAT_TOKEN_FILE=api.token integration.sh [--until-caught-up]
set -euo pipefail

# --8<-- authenticate
# From a file and not on the command line, which others can see. curl reads what `-H @FILE` names as headers.
headers=$(mktemp) answer=$(mktemp)
trap 'rm -f "$headers" "$answer"' EXIT
{
  echo "Authorization: Bearer $(cat "$CONCORDAT_TOKEN_FILE")"
  echo "Content-Type: application/json"
} > "$headers"

# --8<-- errors
# One call: the answer goes to standard output. What passes by itself is tried again, after the time that the node asks for.
call() {
  local method=$1 request=$2 attempt status pause
  for attempt in $(seq 0 9); do
    # 000: there was no answer at all.
    status=$(curl --silent --max-time 10 -H "@$headers" -d "$request" -o "$answer" -w '%{http_code}' \
      "$CONCORDAT_SERVER/concordat.v1.$method") || status=000
    case $status in
      200) cat "$answer"; return ;;
      000) pause=$attempt ;;
      429 | 503 | 504) pause=$(jq -r '[.details[]?.debug.retryDelay // empty][0] // "1s" | rtrimstr("s")' "$answer") ;;
      *)
        # A person corrects it. Sending it again would give the same answer.
        jq -r '"refused \(.code) \([.details[]?.debug.reason // empty][0]): \(.message)",
               (.details[]?.debug.fieldViolations[]? | "  \(.field): \(.description)")' "$answer" >&2
        return 1 ;;
    esac
    sleep "$pause"
  done
  echo "no answer; try again later with the same event id" >&2
  return 1
}

# --8<-- emit
# The id is made once, before the first try, and kept: `call` sends the same bytes again when an answer was lost.
emit() {
  local type=$1 fields=$2 case=$3 version=$4 request receipt
  request=$(jq -nc --arg id "$(cat /proc/sys/kernel/random/uuid)" --arg type "$type" --arg case "$case" --arg version "$version" \
    --argjson fields "$fields" '{eventId: $id, caseId: $case, expectedVersion: $version, event: {body: {($type): $fields}}}')
  receipt=$(call EventService/EmitEvent "$request")
  jq -r '.receipt | "\(.caseId) \(.caseVersion) \(if .ruling.effective then "effective" else .stage end)"' <<< "$receipt"
}

# --8<-- consume
# A stream of Server-Sent Events: `id:` is the place, `data:` a CloudEvent. Deal with it, then commit the place; a new stream starts behind it.
follow() {
  local feed=$1 line kind="" cursor="" data="" pause=1000
  call FeedService/CreateFeed "{\"feedId\": \"$feed\", \"start\": \"FEED_START_BEGINNING\"}" > /dev/null
  while true; do
    while IFS= read -r line; do
      case $line in
        "event: "*) kind=${line#event: } ;;
        "id: "*) cursor=${line#id: } ;;
        "data: "*) data=${line#data: } ;;
        # Milliseconds until a new stream should be opened: the node says it first, and again when it closes.
        "retry: "*) pause=${line#retry: } ;;
        "")
          # A blank line ends one message.
          case $kind in
            # An event; older events that can be read now; a case as it stood; a test. All are entries, and are committed.
            event | content-available | snapshot | feed-test)
              jq -r '"feed \(.type) \(.subject // "")"' <<< "$data"
              call FeedService/CommitFeed "{\"feedId\": \"$feed\", \"cursor\": \"$cursor\"}" > /dev/null ;;
            caught-up) [ "${2-}" = --until-caught-up ] && return ;;
            resync-required) echo "the place is none of this feed: look, then FeedService/SeekFeed" >&2; return 1 ;;
            closing | error) break ;;
          esac
          kind="" data="" ;;
      esac
    done < <(curl --silent --no-buffer -H "@$headers" "$CONCORDAT_SERVER/v1/feeds/$feed/events")
    # Whatever ended it: open it again, in a while.
    sleep "$(jq -n "$pause / 1000")"
  done
}

# --8<-- main
today=$(call ServerService/GetServerInfo '{}' | jq -r '.serverTime[:10]')
complaint=$(jq -nc --arg today "$today" '{policy: "eng-2009", channel: "CHANNEL_EMAIL", complainantRef: "p-1", subjectRef: "p-1",
  nature: "discharged without the agreed home care", orgsNamed: ["gss:E06999901"], matterKnownOn: $today, receivedOn: $today, screenedOn: $today}')
read -r case version became < <(emit complaintReceived "$complaint" "" "")
echo "emitted complaintReceived $became case $case"
acknowledgement='{"method": "email", "discussionOffered": true, "advocacySignposted": true, "reassuredNoDetriment": true}'
read -r case version became < <(emit complaintAcknowledged "$acknowledgement" "$case" "$version")
echo "emitted complaintAcknowledged $became case $case"
# Nobody said what the acknowledgement was: the answer names what is missing.
emit complaintAcknowledged '{}' "$case" "$version" || true
follow curl "${1-}"
