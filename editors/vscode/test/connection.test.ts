// The connection against a scripted server: lost connections, resuming, refusals, cancelling.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";

import { Connection } from "../src/core/connection";
import { Problem, ServerError } from "../src/core/errors";
import type { TurnEvent } from "../src/core/wire";
import { SocketServer } from "./doubles/socket_server";

const LIMIT = { timeout: 20_000 };
let server: SocketServer;
let connection: Connection;

async function start(answers: ConstructorParameters<typeof SocketServer>[0]): Promise<void> {
  server = new SocketServer({ "session/open": { session: "s", head: 0, epoch: "e" }, ...answers });
  const endpoint = await server.listen();
  connection = new Connection(
    async () => endpoint,
    () => undefined,
  );
}

afterEach(async () => {
  connection.dispose();
  await server.close();
});

const turnOf = (index: number) => server.sent("session/prompt")[index]?.["turn"] as string;
const event = (seq: number, type: string, fields: object = {}) => ({
  session: "s",
  seq,
  turn: turnOf(0),
  type,
  ...fields,
});

async function ask(events: TurnEvent[], signal?: AbortSignal) {
  const session = await connection.openSession("/src");
  return connection.ask({ session, text: "Why?" }, (one) => events.push(one), signal);
}

const texts = (events: TurnEvent[]) => events.map((one) => (one.type === "delta" ? one.text : one.type));

test("a turn: its events in order, and its end", LIMIT, async () => {
  await start({
    "session/prompt": (client) => {
      setImmediate(() => {
        client.event(event(1, "accepted", { text: "Why?", conversation: "c" }));
        client.event({ session: "s", turn: turnOf(0), type: "status", stage: "prefill" });
        client.event(event(2, "delta", { text: "Because é" }));
        client.event(event(3, "end", { reason: "stop" }));
      });
      return { turn: turnOf(0), conversation: "c", position: 0 };
    },
  });
  const events: TurnEvent[] = [];
  const end = await ask(events);
  assert.equal(end.reason, "stop");
  assert.deepEqual(texts(events), ["accepted", "status", "Because é", "end"]);
  assert.deepEqual(server.sent("session/open"), [{ workspace: "/src" }]);
});

test("a question about another folder takes its session there", LIMIT, async () => {
  await start({
    "session/prompt": (client) => {
      const turn = server.sent("session/prompt").at(-1)?.["turn"];
      const seq = server.sent("session/prompt").length;
      setImmediate(() => client.event({ session: "s", turn, seq, type: "end", reason: "stop" }));
      return { turn };
    },
  });
  const session = await connection.openSession("/src");
  for (const folder of ["/src", "/other", "/other"]) {
    await connection.ask({ session, text: "Why?" }, () => undefined, undefined, folder);
  }
  const opened = [{ workspace: "/src" }, { session: "s", after: 1, workspace: "/other" }];
  assert.deepEqual(server.sent("session/open"), opened);
});

test("after a lost connection the session goes on after the last event; nothing comes twice", LIMIT, async () => {
  let opened = 0;
  await start({
    "session/prompt": (client) => {
      setImmediate(() => {
        client.event(event(1, "accepted", { conversation: "c" }));
        client.event(event(2, "delta", { text: "one " }));
        setTimeout(() => client.drop(), 20);
      });
      return { turn: turnOf(0) };
    },
    "session/open": (client) => {
      if (++opened === 2) {
        setImmediate(() => {
          client.event(event(2, "delta", { text: "one " })); // a server that sends too much
          client.event(event(3, "delta", { text: "two" }));
          client.event(event(4, "end", { reason: "stop" }));
        });
      }
      return { session: "s", head: 0, epoch: "e" };
    },
  });
  const events: TurnEvent[] = [];
  await ask(events);
  assert.deepEqual(texts(events), ["accepted", "one ", "two", "end"]);
  assert.deepEqual(server.sent("session/open")[1], { session: "s", after: 2 });
  assert.equal(server.sent("session/prompt").length, 1);
});

test("a question whose reply was lost is sent again under the same id", LIMIT, async () => {
  let prompts = 0;
  await start({
    "session/prompt": (client) => {
      if (++prompts === 1) {
        client.drop();
        return undefined;
      }
      setImmediate(() => client.event(event(1, "end", { reason: "stop" })));
      return { turn: turnOf(0) };
    },
  });
  const end = await ask([]);
  assert.equal(end.reason, "stop");
  assert.equal(prompts, 2);
  assert.equal(turnOf(0), turnOf(1));
});

test("a cancelled turn asks the server to stop and ends with its end", LIMIT, async () => {
  const controller = new AbortController();
  await start({
    "session/prompt": (client) => {
      setImmediate(() => client.event(event(1, "accepted", { conversation: "c" })));
      return { turn: turnOf(0) };
    },
    "session/cancel": (client) => {
      setImmediate(() => client.event(event(2, "end", { reason: "cancelled" })));
      return {};
    },
  });
  const session = await connection.openSession("/src");
  const end = await connection.ask({ session, text: "Why?" }, () => controller.abort(), controller.signal);
  assert.equal(end.reason, "cancelled");
  assert.deepEqual(server.sent("session/cancel"), [{ session: "s", turn: turnOf(0) }]);
});

test("a wrong token is a problem of its own, and is not tried again", LIMIT, async () => {
  await start({});
  server.refuse = 4401;
  await assert.rejects(connection.facts(), (error) => error instanceof Problem && error.kind === "unauthorized");
  await assert.rejects(
    connection.ask({ session: "s", text: "Why?" }, () => undefined),
    (error) => error instanceof Problem && error.kind === "unauthorized",
  );
});

test("the server's own words for a refused question arrive", LIMIT, async () => {
  await start({
    "session/prompt": { error: { code: -32002, message: "16 questions wait", data: { code: "queue_full" } } },
  });
  await assert.rejects(ask([]), (error) => {
    return error instanceof ServerError && error.code === "queue_full" && error.message === "16 questions wait";
  });
});

test("an answer that the server lost says so", LIMIT, async () => {
  let opened = 0;
  await start({
    "session/prompt": (client) => {
      setImmediate(() => {
        client.event(event(1, "accepted"));
        setTimeout(() => client.drop(), 20);
      });
      return { turn: turnOf(0) };
    },
    "session/open": () =>
      ++opened === 1
        ? { session: "s", head: 0, epoch: "e" }
        : { error: { code: -32005, message: "gone", data: { code: "replay_gone" } } },
  });
  await assert.rejects(ask([]), /lost this answer: ask again/);
});

test("the question after a lost answer goes on from the end of what the server has", LIMIT, async () => {
  let prompts = 0;
  await start({
    "session/prompt": (client) => {
      if (++prompts === 1) {
        client.drop();
        return undefined;
      }
      setImmediate(() => client.event({ session: "s", turn: turnOf(1), seq: 8, type: "end", reason: "stop" }));
      return { turn: turnOf(1) };
    },
    "session/open": () =>
      server.sent("session/open").at(-1)?.["after"] === undefined
        ? { session: "s", head: 7, epoch: "e" }
        : { error: { code: -32005, message: "gone", data: { code: "replay_gone" } } },
  });
  await assert.rejects(ask([]), /lost this answer: ask again/);
  const end = await connection.ask({ session: "s", text: "Why?" }, () => undefined);
  assert.equal(end.reason, "stop");
});

test("a call that is not answered ends its connection, and the next one opens another", LIMIT, async (t) => {
  await start({});
  await connection.openSession("/src");
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const asked = connection.facts();
  while (server.sent("initialize").length === 0) await new Promise(setImmediate);
  t.mock.timers.tick(60_000);
  await assert.rejects(asked, /did not answer `initialize` within 60 s/);
  t.mock.timers.reset();
  server.answers["initialize"] = { epoch: "e" };
  assert.deepEqual(await connection.facts(), { epoch: "e" });
  assert.equal(server.clients.length, 2);
});

test("a server that cannot be reached is dead, with words", LIMIT, async () => {
  await start({});
  await server.close();
  await assert.rejects(
    connection.ask({ session: "s", text: "Why?" }, () => undefined),
    (error) => error instanceof Problem && error.kind === "dead" && error.message === "The server cannot be reached.",
  );
});
