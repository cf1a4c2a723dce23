// What goes over the wire, seen from a hub that says what the test wants; and the page around it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { follow, until, WebSocketServer, WebSocket } from "./hub.mjs";

// A hub of one connection after the other: `script(say, hear, n)` is what it says on the n-th, from 0.
async function fakeHub(script) {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1", handleProtocols: () => "councilws.v1" });
  await new Promise((resolve) => server.on("listening", resolve));
  const fake = { url: `http://127.0.0.1:${server.address().port}`, requests: [], heard: [], sockets: [] };
  server.on("connection", (socket, request) => {
    fake.sockets.push(socket);
    fake.requests.push(request);
    socket.on("message", (text) => fake.heard.push(JSON.parse(text)));
    const say = (type, data = {}, message_id = undefined) => socket.send(JSON.stringify({ type, timestamp: "2026-01-01T00:00:00Z", message_id, data }));
    script({ say, socket }, fake.requests.length - 1);
  });
  fake.close = () => {
    for (const socket of server.clients) socket.terminate();
    server.close();
  };
  return fake;
}

const hello = (say, resume_from, epoch = "e1") => say("connection_established", { epoch, resume_from, heartbeat_interval: 30 }, resume_from);
const query = (request) => new URL(request.url, "http://h").searchParams;

function start(fake, options = {}) {
  const seen = { items: [], states: [], details: [] };
  seen.follow = follow("r", {
    url: fake.url,
    token: "a.b.c",
    WebSocket,
    onEvent: (message) => seen.items.push(message.type === "gap" ? "gap" : message.message_id),
    onState: (state, detail) => {
      seen.states.push(state);
      seen.details.push(detail);
    },
    ...options,
  });
  return seen;
}

test("the token is a subprotocol and in no URL", async () => {
  const fake = await fakeHub(({ say }) => hello(say, 0));
  const seen = start(fake, { subscriber: "tab" });
  await until(() => seen.states.includes("replaying"));
  assert.equal(fake.requests[0].headers["sec-websocket-protocol"].replace(" ", ""), "councilws.v1,bearer.a.b.c");
  assert.equal(fake.requests[0].url, "/api/v1/ws/r?subscriber=tab");
  seen.follow.close();
  fake.close();
});

test("heartbeats are answered, unknown messages ignored, nothing acknowledged that was not handled", async () => {
  const fake = await fakeHub(({ say }) => {
    hello(say, 7);
    say("from_the_future", { a: 1 });
    say("heartbeat", { last_message_id: 7 });
  });
  const seen = start(fake, { from: "new" });
  await until(() => fake.heard.length > 0);
  seen.follow.close();
  await until(() => fake.sockets[0].readyState === 3);
  assert.deepEqual(fake.heard, [{ type: "heartbeat_response" }]);
  assert.deepEqual(seen.items, []);
  fake.close();
});

test("a token that expires while it is open is refreshed, and it goes on where it was", async () => {
  const fake = await fakeHub(({ say, socket }, n) => {
    hello(say, n === 0 ? 0 : 2);
    if (n > 0) return say("log", {}, 3);
    say("log", {}, 1);
    say("log", {}, 2);
    say("bye", { code: 4005, reason: "the token has expired", reconnect: true });
    socket.close(4005);
  });
  const wishes = [];
  const seen = start(fake, { token: undefined, getToken: (wish) => wishes.push(wish.refresh) && `t.${wishes.length}.x` });
  await until(() => seen.items.length === 3);
  assert.deepEqual(seen.items, [1, 2, 3]);
  assert.deepEqual(wishes, [false, true]);
  assert.match(fake.requests[1].headers["sec-websocket-protocol"], /bearer\.t\.2\.x/);
  assert.equal(query(fake.requests[1]).get("after"), "2");
  assert.equal(query(fake.requests[1]).get("epoch"), "e1");
  assert.ok(!seen.states.includes("waiting")); // at once
  seen.follow.close();
  fake.close();
});

test("an expired token without another one ends it", async () => {
  const fake = await fakeHub(({ say, socket }) => {
    hello(say, 0);
    say("bye", { code: 4005, reason: "the token has expired", reconnect: true });
    socket.close(4005);
  });
  const seen = start(fake);
  await assert.rejects(seen.follow.closed, { code: "token_expired" });
  fake.close();
});

test("it comes back when the bye says", async () => {
  const fake = await fakeHub(({ say, socket }, n) => {
    hello(say, 0);
    if (n > 0) return;
    say("bye", { code: 1012, reason: "drain", reconnect: true, retry_after_ms: 321 });
    socket.close(1012);
  });
  const seen = start(fake);
  await until(() => fake.requests.length === 2);
  const waiting = seen.details[seen.states.indexOf("waiting")];
  assert.deepEqual([waiting.retryInMs, waiting.reason], [321, "drain"]);
  seen.follow.close();
  fake.close();
});

test("what came before is not handed over again, and a hole is not accepted", async () => {
  const fake = await fakeHub(({ say }, n) => {
    hello(say, n === 0 ? 0 : 2);
    if (n === 0) for (const id of [1, 1, 2, 4, 5]) say("log", {}, id);
    else for (const id of [2, 3, 4]) say("log", {}, id);
  });
  const seen = start(fake);
  await until(() => seen.items.length === 4);
  assert.deepEqual(seen.items, [1, 2, 3, 4]);
  assert.equal(query(fake.requests[1]).get("after"), "2");
  seen.follow.close();
  fake.close();
});

test("gaps come in their place, and the position goes over them", async () => {
  const fake = await fakeHub(({ say, socket }, n) => {
    if (n > 0) return hello(say, 0, "e2");
    hello(say, 0);
    say("log", {}, 1);
    say("gap", { from: 2, to: 4, reason: "expired", epoch: "e1" });
    say("log", {}, 5);
    say("gap", { from: 6, to: null, reason: "epoch", epoch: "e2" });
    say("log", {}, 1);
    socket.close(1011);
  });
  const seen = start(fake);
  await until(() => fake.requests.length === 2);
  assert.deepEqual(seen.items, [1, "gap", 5, "gap", 1]);
  assert.equal(query(fake.requests[1]).get("epoch"), "e2");
  assert.equal(query(fake.requests[1]).get("after"), "1");
  seen.follow.close();
  fake.close();
});

test("an epoch that changes before the first event is no gap, and is kept", async () => {
  const fake = await fakeHub(({ say, socket }, n) => {
    if (n > 0) return hello(say, 1, "e2");
    hello(say, 0);
    say("gap", { from: 1, to: 0, reason: "epoch", epoch: "e2" });
    say("log", {}, 1);
    socket.close(1011);
  });
  const seen = start(fake);
  await until(() => fake.requests.length === 2);
  assert.deepEqual(seen.items, [1]);
  assert.equal(query(fake.requests[1]).get("epoch"), "e2");
  assert.equal(query(fake.requests[1]).get("after"), "1");
  seen.follow.close();
  fake.close();
});

test("before the first event any epoch will do, and the last one is kept", async () => {
  const fake = await fakeHub(({ say, socket }, n) => {
    hello(say, n === 2 ? 1 : 0, n === 0 ? "e1" : "e2");
    if (n === 1) say("log", {}, 1);
    if (n < 2) socket.close(1011);
  });
  const seen = start(fake);
  await until(() => fake.requests.length === 3);
  assert.equal(query(fake.requests[2]).get("epoch"), "e2");
  assert.deepEqual(seen.items, [1]);
  seen.follow.close();
  fake.close();
});

// As it is in a page: `page` gets the window's events.
async function inPage(body) {
  const page = new EventTarget();
  const names = ["document", "addEventListener", "removeEventListener"];
  Object.assign(globalThis, {
    document: Object.assign(new EventTarget(), { hidden: false }),
    addEventListener: page.addEventListener.bind(page),
    removeEventListener: page.removeEventListener.bind(page),
  });
  try {
    await body(page);
  } finally {
    for (const name of names) delete globalThis[name];
  }
}

test("a page that is left lets go of its connection, and takes it up when it is shown again", () =>
  inPage(async (page) => {
    const fake = await fakeHub(({ say }, n) => {
      hello(say, n);
      say("log", {}, n + 1);
    });
    const seen = start(fake);
    await until(() => seen.items.length === 1);
    page.dispatchEvent(new Event("pagehide"));
    await until(() => fake.sockets[0].readyState === 3);
    assert.equal(fake.requests.length, 1);
    page.dispatchEvent(new Event("pageshow"));
    await until(() => seen.items.length === 2);
    assert.deepEqual(seen.items, [1, 2]);
    seen.follow.close();
    fake.close();
  }));

test("a network that goes is told; what still comes shows that it did not, else its return is a reason to connect anew", () =>
  inPage(async (page) => {
    const hub = {};
    const fake = await fakeHub(({ say }, n) => {
      hello(say, n);
      say("replay_complete");
      hub.say = say;
    });
    const seen = start(fake);
    await until(() => seen.states.includes("live"));
    page.dispatchEvent(new Event("offline"));
    assert.equal(seen.follow.state, "offline");
    hub.say("heartbeat", { last_message_id: 0 });
    await until(() => seen.follow.state === "live");
    page.dispatchEvent(new Event("online"));
    assert.equal(seen.follow.state, "live");
    page.dispatchEvent(new Event("offline"));
    page.dispatchEvent(new Event("online"));
    await until(() => fake.requests.length === 2 && seen.follow.state === "live");
    assert.ok(!seen.states.includes("waiting")); // at once
    seen.follow.close();
    fake.close();
  }));

test("after a sleep less silence is enough, and it comes back at once", async () => {
  const fake = await fakeHub(({ say }, n) => {
    hello(say, n);
    say("replay_complete");
  });
  const seen = start(fake);
  await until(() => seen.states.includes("live"));
  const now = Date.now;
  Date.now = () => now() + 50_000; // heartbeats come every 30 s: awake it would wait for 70 s
  try {
    await until(() => fake.requests.length === 2);
  } finally {
    Date.now = now;
  }
  assert.ok(!seen.states.includes("waiting"));
  seen.follow.close();
  fake.close();
});

test("messages are read as JSON, or as one wishes", async () => {
  const fake = await fakeHub(({ say, socket }) => {
    hello(say, 0);
    socket.send('{"type":"log","message_id":1,"data":12345678901234567890}');
  });
  const data = [];
  const parse = (text) => JSON.parse(text.replace(/:(\d{17,})/g, ':"$1"'));
  const onEvent = (event) => data.push(event.data);
  const seen = [start(fake, { onEvent }), start(fake, { onEvent, parse })];
  await until(() => data.length === 2);
  assert.deepEqual(new Set(data), new Set([12345678901234567000, "12345678901234567890"]));
  const broken = start(fake, { parse: () => { throw new RangeError("not this"); } });
  await assert.rejects(broken.follow.closed, RangeError);
  for (const { follow } of seen) follow.close();
  fake.close();
});

test("thousands of events are acknowledged ten times a second, not one by one: a hub takes no more than a thousand messages a second", async () => {
  const fake = await fakeHub(({ say }) => {
    hello(say, 0);
    let n = 0;
    const more = () => {
      for (let i = 0; i < 5; i++) say("log", {}, ++n); // each of them finds an empty queue
      if (n < 3000) setImmediate(more);
    };
    more();
  });
  const begin = Date.now();
  const seen = start(fake);
  await until(() => fake.heard.at(-1)?.message_id === 3000);
  assert.equal(seen.items.length, 3000);
  assert.ok(fake.heard.length <= 2 + (Date.now() - begin) / 100, `${fake.heard.length} messages`);
  seen.follow.close();
  fake.close();
});
