// A local system of one organisation: emits a complaint, then follows the feed.
//
//   CONCORDAT_SERVER=http://127.0.0.1:7171 CONCORDAT_TOKEN_FILE=api.token node integration.js [--until-caught-up]
//
// Run it where `proto` is the directory with the contract and `details` the one with google/rpc/details.proto, or say where they are
// with CONCORDAT_PROTO and CONCORDAT_DETAILS.

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import * as grpc from "@grpc/grpc-js";
import * as loader from "@grpc/proto-loader";
import protobuf from "protobufjs";

// --8<-- stubs
const proto = process.env.CONCORDAT_PROTO ?? "proto";
const services = ["event", "feed", "case", "server"].map((name) => `concordat/v1/${name}_service.proto`);
// `oneofs` says which case of a oneof is set; without it an entry of a feed cannot be told from a heartbeat.
const options: loader.Options = { includeDirs: [proto], longs: String, enums: String, defaults: true, oneofs: true };
const { v1 } = (grpc.loadPackageDefinition(loader.loadSync(services, options)) as any).concordat;
const address = process.env.CONCORDAT_SERVER!.replace("http://", "");

// --8<-- authenticate
const credential = new grpc.Metadata();
credential.set("authorization", `Bearer ${readFileSync(process.env.CONCORDAT_TOKEN_FILE!, "ascii").trim()}`);
const plain = grpc.credentials.createInsecure();
const [events, feeds, cases, server] = [v1.EventService, v1.FeedService, v1.CaseService, v1.ServerService].map(
  // Repeating is this program's business: it knows the event id, and what the node asks for.
  (Service) => new Service(address, plain, { "grpc.enable_retries": 0 }),
);

function call(service: any, method: string, request: object): Promise<any> {
  return new Promise((resolve, reject) => {
    const deadline = new Date(Date.now() + 10_000);
    service[method](request, credential, { deadline }, (error: grpc.ServiceError | null, answer: any) => (error ? reject(error) : resolve(answer)));
  });
}

// --8<-- errors
const details = protobuf.loadSync(`${process.env.CONCORDAT_DETAILS ?? "details"}/google/rpc/details.proto`);
/** What passes by itself. UNKNOWN is not among it: nobody knows what that was. */
const passing = [grpc.status.UNAVAILABLE, grpc.status.RESOURCE_EXHAUSTED, grpc.status.DEADLINE_EXCEEDED];

interface Told {
  code: grpc.status;
  text: string;
  /** One of a closed list (`ErrorReason`), for programs. */
  reason: string;
  /** Every faulty field, with what is wrong. */
  fields: Record<string, string>;
  /** Milliseconds that the node asks to wait. */
  retryAfter?: number;
}

function told(error: unknown): Told {
  const { code, details: text, metadata } = error as grpc.ServiceError;
  if (code === undefined) throw error;
  const said: Told = { code, text, reason: "", fields: {} };
  for (const bytes of metadata?.get("grpc-status-details-bin") ?? []) {
    const status = details.lookupType("google.rpc.Status").decode(bytes as Buffer) as any;
    for (const any of status.details) {
      const name = any.type_url.split("/").pop();
      const detail = ["ErrorInfo", "BadRequest", "RetryInfo"].includes(name.replace("google.rpc.", "")) && (details.lookupType(name).decode(any.value) as any);
      if (name === "google.rpc.ErrorInfo") said.reason = detail.reason;
      if (name === "google.rpc.BadRequest") for (const one of detail.fieldViolations) said.fields[one.field] = one.description;
      if (name === "google.rpc.RetryInfo") said.retryAfter = Number(detail.retryDelay.seconds) * 1000 + detail.retryDelay.nanos / 1e6;
    }
  }
  return said;
}

/** As long as the node asks for; else longer each time, and never all clients at once. */
async function wait(said: Told, attempt: number) {
  await sleep(said.retryAfter ?? Math.min(30_000, 200 * 2 ** attempt) * (0.5 + Math.random() / 2));
}

// --8<-- emit
/** Emits one event until the node has said what became of it. Keep the id with your own record before you call this. */
async function emit(eventId: string, caseId: string, body: object, expectedVersion: string) {
  const request = { eventId, caseId, event: { body }, expectedVersion };
  for (let attempt = 0; attempt < 20; attempt++) {
    try {
      return (await call(events, "EmitEvent", request)).receipt;
    } catch (error) {
      const said = told(error);
      if (said.reason === "STALE_SEQUENCE") {
        // Another organisation acted meanwhile. A person, or a rule of yours, looks at the case again before this is emitted.
        const now = (await call(cases, "GetCase", { caseId })).jointCase;
        console.log("somebody acted before us: the case is", now.state);
        request.expectedVersion = now.version;
      } else if (!passing.includes(said.code)) throw error;
      await wait(said, attempt);
    }
  }
  throw new Error(`no answer for event ${eventId}; emit it again later under this id`);
}

// --8<-- consume
/** Hands each entry to `handle` once, and commits it then. Takes the stream up again, whatever ended it. */
async function follow(feedId: string, handle: (event: any) => void, untilCaughtUp: boolean) {
  await call(feeds, "CreateFeed", { feedId, start: "FEED_START_BEGINNING" });
  const handled = new Set<string>(); // Keep it where your data is, written in one transaction with it.
  let [afterCursor, attempt] = ["", 0];
  // From here on the node starts behind this entry; an empty cursor stands for that place.
  const commit = async (cursor: string) => {
    await call(feeds, "CommitFeed", { feedId, cursor });
    afterCursor = "";
  };
  for (;;) {
    const stream = feeds.StreamFeed({ feedId, afterCursor, consumerName: "typescript example" }, credential);
    try {
      // One entry at a time: the next is read when this one is done with, so that a slow reader slows the stream, not itself.
      for await (const message of stream) {
        attempt = 0;
        if (message.content === "event") {
          const { event, cursor } = message.event;
          if (!handled.has(`${event.source} ${event.eventId}`)) handle(event);
          handled.add(`${event.source} ${event.eventId}`);
          await commit(cursor);
        } else if (message.content === "contentAvailable") {
          const { caseId, cursor } = message.contentAvailable;
          (await call(events, "ListEvents", { caseId })).events.forEach(handle);
          await commit(cursor);
        } else if (message.content === "caughtUp" && untilCaughtUp) {
          return;
        } else if (message.content === "closing") {
          await sleep(Number(message.closing.retryAfter?.seconds ?? 1) * 1000);
        } else if (message.content === "resyncRequired") {
          afterCursor = message.resyncRequired.cursor;
        }
        // Anything else is a heartbeat, or newer than this program.
      }
    } catch (error) {
      const said = told(error);
      if (said.reason && said.reason !== "FEED_IN_USE" && !passing.includes(said.code)) throw error;
      await wait(said, attempt++);
    } finally {
      stream.cancel();
    }
  }
}

// --8<-- main
async function main() {
  // The node's clock: that of a sandbox is not the machine's.
  const { serverTime } = await call(server, "GetServerInfo", {});
  const today = new Date(Number(serverTime.seconds) * 1000).toISOString().slice(0, 10);
  const outbox: [string, object][] = [
    ["complaintReceived", {
      policy: "eng-2009", channel: "CHANNEL_EMAIL", complainantRef: "p-1", subjectRef: "p-1",
      nature: "discharged without the agreed home care", orgsNamed: ["gss:E06999901"],
      matterKnownOn: today, receivedOn: today, screenedOn: today,
    }],
    ["complaintAcknowledged", { method: "email", discussionOffered: true, advocacySignposted: true, reassuredNoDetriment: true }],
    ["consentRequested", { orgs: ["gss:E06999901"], form: "joint", explained: ["coordinated", "single-contact", "single-response"] }],
  ];
  let [caseId, version] = ["", ""];
  for (const [name, fields] of outbox) {
    try {
      const receipt = await emit(randomUUID(), caseId, { [name]: fields }, version);
      [caseId, version] = [receipt.caseId, receipt.caseVersion];
      console.log("emitted", name, receipt.ruling?.effective ? "effective" : receipt.stage, "case", caseId);
    } catch (error) {
      // A person corrects it. Sending it again would give the same answer.
      const { reason, text, fields } = told(error);
      console.log("refused", name, reason, text, JSON.stringify(fields));
    }
  }
  // A type that is newer than this program has no body here: keep its place and go on.
  const show = (event: any) => console.log("feed", event.type, event.caseId, event.body ? "" : "(unknown)");
  await follow("integration", show, process.argv.includes("--until-caught-up"));
  process.exit(0);
}

process.on("SIGTERM", () => process.exit(0));
main();
