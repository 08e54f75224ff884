// Finding and starting a server, with programs of a few lines in its place.

import assert from "node:assert/strict";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";

import { Problem } from "../src/core/errors";
import { dataFolder, findServer, ServerManager } from "../src/core/server";

const LIMIT = { timeout: 30_000 };
const HEALTHY = '{"status": "ok", "version": "1"}';
let folder: string;

beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "lantern-"))));
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

/** A program that a test can start instead of `lantern`. */
function program(source: string): string {
  const file = write("lantern.js", `#!${process.execPath}\n${source}`);
  chmodSync(file, 0o755);
  return file;
}

const SERVES = `
const fs = require("node:fs"), folder = process.env.DATA_DIR;
fs.appendFileSync(folder + "/starts", process.argv.slice(2).join(" ") + "\\n");
fs.writeFileSync(folder + "/token", "secret\\n");
require("node:http").createServer((_, reply) => reply.end('${HEALTHY}')).listen(0, "127.0.0.1", function () {
  fs.writeFileSync(folder + "/server.json", JSON.stringify({ pid: process.pid, url: "http://127.0.0.1:" + this.address().port }));
});`;

function manager(command: string, log: string[] = []): ServerManager {
  return new ServerManager(
    () => ({ dataDir: folder, command }),
    (line) => log.push(line),
  );
}

async function failure(command: string): Promise<Problem> {
  try {
    await manager(command).endpoint();
  } catch (error) {
    assert.ok(error instanceof Problem);
    return error;
  }
  throw new Error("it started");
}

test("the data folder: the setting, the environment, the home folder", () => {
  assert.equal(dataFolder({ dataDir: "/a", command: "" }, { DATA_DIR: "/b" }), "/a");
  assert.equal(dataFolder({ dataDir: "", command: "" }, { DATA_DIR: "/b" }), "/b");
  assert.equal(dataFolder({ dataDir: "", command: "" }, {}), join(process.env["HOME"] ?? "", ".lantern"));
  assert.equal(dataFolder({ dataDir: "~/x", command: "" }, {}), join(process.env["HOME"] ?? "", "x"));
});

test(
  "no server: no file, an empty one, a damaged one, a dead process, a closed port, an address that is none",
  LIMIT,
  async () => {
    assert.equal(await findServer(folder), undefined);
    const dead = { pid: 2 ** 30, url: "http://127.0.0.1:1" };
    const files = [
      "",
      "{",
      JSON.stringify(dead),
      JSON.stringify({ ...dead, pid: process.pid }),
      '{"pid": 0, "url": ""}',
    ];
    for (const text of files) {
      write("server.json", text);
      assert.equal(await findServer(folder), undefined, text);
    }
  },
);

test("the token does not go to another program on the port", LIMIT, async () => {
  const authorizations: unknown[] = [];
  const other = createServer((request, reply) => {
    authorizations.push(request.headers.authorization);
    reply.end("{}");
  });
  await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
  const { port } = other.address() as AddressInfo;
  write("token", "secret\n");
  write("server.json", JSON.stringify({ pid: process.pid, url: `http://127.0.0.1:${port}` }));
  assert.equal(await findServer(folder), undefined);
  assert.deepEqual(authorizations, [undefined]);
  other.close();
});

test("a server is started once, however many ask, and found afterwards", LIMIT, async () => {
  const servers = manager(program(SERVES));
  const found = await Promise.all([servers.endpoint(), servers.endpoint()]);
  assert.deepEqual(found[0], found[1]);
  assert.equal(found[0].token, "secret");
  assert.deepEqual(await findServer(folder), found[0]);
  assert.deepEqual(await manager("/nowhere/lantern").endpoint(), found[0]); // another window uses it
  assert.equal(readFileSync(join(folder, "starts"), "utf8"), "serve --port 0\n");
  assert.ok(servers.owns);
  await servers.stop();
  assert.equal(await findServer(folder), undefined);
});

test("a program that is not there", LIMIT, async () => {
  const problem = await failure("/nowhere/lantern");
  assert.equal(problem.kind, "no-command");
  assert.match(problem.message, /`\/nowhere\/lantern` was not found\. Install Lantern, or set “lantern.command”/);
});

test("a program that ends: its last words are shown", LIMIT, async () => {
  const problem = await failure(program('console.error("lantern: the port is in use"); process.exitCode = 1;'));
  assert.equal(problem.kind, "dead");
  assert.match(problem.message, /serve` ended \(1\): the port is in use\.$/);
});

test("a server that another program starts meanwhile is used", LIMIT, async () => {
  const other = manager(program(SERVES));
  const late = `const fs = require("node:fs"); setTimeout(() => process.exit(1), 20_000);`;
  const file = write("late.js", `#!${process.execPath}\n${late}`);
  chmodSync(file, 0o755);
  const servers = manager(file);
  const waiting = servers.endpoint();
  const endpoint = await other.endpoint();
  assert.deepEqual(await waiting, endpoint);
  await servers.stop();
  await other.stop();
});
