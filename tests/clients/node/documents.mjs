// Reads the AsyncAPI document with its reference parser, and events of a feed with the CloudEvents SDK for JavaScript. Prints what it found.
//
//   CONCORDAT_NODE_MODULES=… node documents.mjs asyncapi.json [events.ndjson]

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(process.env.CONCORDAT_NODE_MODULES + "/here.js");
const [document, events] = process.argv.slice(2);
const found = {};

const { Parser } = require("@asyncapi/parser");
const read = await new Parser().parse(readFileSync(document, "utf8"));
// Errors and warnings; what is left are hints.
found.complaints = read.diagnostics.filter((one) => one.severity <= 1).map((one) => one.message);
found.messages = read.document?.allMessages().length;

if (events) {
  const { HTTP } = require("cloudevents");
  const lines = readFileSync(events, "utf8").split("\n").filter(Boolean);
  const headers = { "content-type": "application/cloudevents+json" };
  found.types = lines.map((body) => {
    const event = HTTP.toEvent({ headers, body });
    if (!event.validate()) throw new Error(`not valid: ${body}`);
    return event.type;
  });
}
console.log(JSON.stringify(found));
