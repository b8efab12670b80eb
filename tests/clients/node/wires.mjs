// The wires as @connectrpc/connect-node speaks them: Connect in JSON and in bytes, gRPC-Web, and gRPC, against one port. Stubs are made at run
// time from an image of the contract (`buf build`). Prints what each wire answered, as JSON.
//
//   CONCORDAT_NODE_MODULES=… node wires.mjs http://127.0.0.1:7171 TOKEN contract.binpb

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

const require = createRequire(process.env.CONCORDAT_NODE_MODULES + "/here.js");
const { createFileRegistry, fromBinary } = require("@bufbuild/protobuf");
const { FileDescriptorSetSchema } = require("@bufbuild/protobuf/wkt");
const { Code, ConnectError, createClient } = require("@connectrpc/connect");
const { createConnectTransport, createGrpcTransport, createGrpcWebTransport } = require("@connectrpc/connect-node");

const [baseUrl, token, image] = process.argv.slice(2);
const contract = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(image)));
const interceptors = [
  (next) => (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  },
];
const wires = {
  "connect json": createConnectTransport({ baseUrl, interceptors, httpVersion: "1.1", useBinaryFormat: false }),
  "connect bytes": createConnectTransport({ baseUrl, interceptors, httpVersion: "1.1", useBinaryFormat: true }),
  "connect over http/2": createConnectTransport({ baseUrl, interceptors, httpVersion: "2", useBinaryFormat: false }),
  "grpc-web": createGrpcWebTransport({ baseUrl, interceptors, httpVersion: "1.1" }),
  grpc: createGrpcTransport({ baseUrl, interceptors, httpVersion: "2" }),
};

const told = {};
for (const [wire, transport] of Object.entries(wires)) {
  const of = (name) => createClient(contract.getService(`concordat.v1.${name}`), transport);
  const info = await of("ServerService").getServerInfo({});
  const cases = await of("CaseService").listCases({ pageSize: 1 });

  let refused;
  try {
    await of("CaseService").getCase({ caseId: "0".repeat(32) });
  } catch (error) {
    const reason = error.details.find((one) => one.type === "google.rpc.ErrorInfo");
    refused = error instanceof ConnectError && `${Code[error.code]} ${Buffer.from(reason.value).includes("NOT_FOUND")}`;
  }

  const entries = [];
  for await (const message of of("FeedService").streamFeed({ feedId: "casework", takeOver: true })) {
    entries.push(message.content.case);
    if (message.content.case === "caughtUp") break;
  }
  told[wire] = { organisation: info.organisation, cases: cases.cases.length, refused, entries: [...new Set(entries)] };
}
console.log(JSON.stringify(told));
process.exit(0);
