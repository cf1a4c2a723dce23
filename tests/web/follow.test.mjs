// A follow against a real hub: each event once and in order, whatever happens to the hub; acknowledged once it is handled.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Hub, numbers, until, watch, follow, WebSocket } from "./hub.mjs";

let hub;
before(async () => (hub = await Hub.start()));
after(() => hub.remove());

test("a backlog and then what is published, each once, in order", async () => {
  await hub.publish("first", 300);
  const seen = watch(hub, "first");
  await until(() => seen.ids.length === 300);
  await hub.publish("first", 20, 301);
  await until(() => seen.ids.length === 320);
  assert.deepEqual(seen.ids, numbers(1, 320));
  assert.deepEqual(seen.events[319].data, { n: 320 });
  assert.deepEqual(seen.states.slice(0, 3), ["connecting", "replaying", "live"]);
  assert.equal(seen.details[2].transport, "websocket");
  await until(async () => (await hub.acked("first")) === 320);
  seen.follow.close();
  await seen.follow.closed;
  assert.equal(seen.states.at(-1), "closed");
});

test("the next follow of a subscriber goes on behind what was acknowledged, another's does not", async () => {
  await hub.publish("second", 10);
  const first = watch(hub, "second", { subscriber: "a" });
  await until(async () => (await hub.acked("second", "ann/a")) === 10);
  first.follow.close();
  await hub.publish("second", 5, 11);
  const next = watch(hub, "second", { subscriber: "a" });
  const other = watch(hub, "second", { subscriber: "b" });
  await until(() => next.ids.length >= 5 && other.ids.length >= 15);
  assert.deepEqual(next.ids, numbers(11, 15));
  assert.deepEqual(other.ids, numbers(1, 15));
  next.follow.close();
  other.follow.close();
});

test("an event is acknowledged once its handler's promise is fulfilled, not before", async () => {
  await hub.publish("slow", 3);
  const waiting = [];
  const seen = watch(hub, "slow", { onEvent: () => new Promise((resolve) => waiting.push(resolve)) });
  await until(() => waiting.length === 1 && seen.states.includes("live"));
  assert.equal(await hub.acked("slow"), 0);
  waiting[0]();
  await until(async () => (await hub.acked("slow")) === 1);
  assert.equal(waiting.length, 2); // one after the other
  seen.follow.close();
});

test("a handler that throws ends the follow, and its event is not acknowledged", async () => {
  await hub.publish("throws", 3);
  const seen = watch(hub, "throws", {
    onEvent: (event) => {
      if (event.message_id === 2) throw new RangeError("no such thing");
    },
  });
  await assert.rejects(seen.follow.closed, RangeError);
  await until(async () => (await hub.acked("throws")) === 1);
  assert.equal(seen.states.at(-1), "closed");
});

test("a loop takes one event after the other; what was left is not acknowledged", async () => {
  await hub.publish("loop", 5);
  const ids = [];
  for await (const event of follow("loop", { url: hub.url, token: hub.token, WebSocket })) {
    ids.push(event.message_id);
    if (ids.length === 3) break;
  }
  assert.deepEqual(ids, [1, 2, 3]);
  await until(async () => (await hub.acked("loop")) === 2);
});

test("it may begin at a place, at the end, and before the request exists", async () => {
  const early = watch(hub, "later");
  await until(() => early.states.includes("live"));
  await hub.publish("later", 4);
  await until(() => early.ids.length === 4);
  const { after: last, epoch } = early.follow.position;
  assert.equal(last, 4);
  const placed = watch(hub, "later", { after: 2, epoch, ack: false });
  const fresh = watch(hub, "later", { from: "new", subscriber: "fresh" });
  await until(() => fresh.states.includes("live") && placed.ids.length === 2);
  await hub.publish("later", 1, 5);
  await until(() => fresh.ids.length > 0 && placed.ids.length === 3);
  assert.deepEqual(fresh.ids, [5]);
  assert.deepEqual(placed.ids, [3, 4, 5]);
  for (const seen of [early, placed, fresh]) seen.follow.close();
});

test("an aborted signal ends it", async () => {
  const controller = new AbortController();
  const seen = watch(hub, "aborted", { signal: controller.signal });
  await until(() => seen.states.includes("live"));
  controller.abort();
  await seen.follow.closed;
  await until(async () => (await hub.call("GET", "/ws/status")).active_connections === 0);
});

test("each event once and in order over kill -9 and restarts while it is published", async () => {
  const seen = watch(hub, "killed", { subscriber: "js" });
  let last = 0;
  for (let round = 0; round < 4; round++) {
    await hub.publish("killed", 50, last + 1);
    last += 50;
    if (round % 2 === 0) await until(() => seen.ids.length === last);
    await hub.stop(round === 2 ? "SIGTERM" : "SIGKILL");
    await hub.start();
  }
  await hub.publish("killed", 1, 201);
  await until(() => seen.ids.length >= 201);
  assert.deepEqual(seen.ids, numbers(1, 201));
  assert.deepEqual(seen.gaps, []);
  assert.ok(seen.states.includes("waiting"));
  await until(async () => (await hub.acked("killed", "ann/js")) === 201);
  seen.follow.close();
});

test("a request that is deleted ends it; one that began again is told as a gap, in its place", async () => {
  await hub.publish("gone", 3);
  const seen = watch(hub, "gone");
  await until(() => seen.ids.length === 3);
  const { epoch } = seen.follow.position;
  await hub.call("DELETE", "/requests/gone");
  await assert.rejects(seen.follow.closed, { name: "CouncilError", code: 4510 });
  await hub.publish("gone", 2);
  const again = watch(hub, "gone", { after: 3, epoch });
  await until(() => again.ids.length === 2);
  assert.deepEqual(again.ids, [1, 2]);
  assert.equal(again.gaps.length, 1);
  assert.equal(again.gaps[0].before, 0);
  assert.equal(again.gaps[0].reason, "epoch");
  assert.equal(again.follow.position.epoch, again.gaps[0].epoch);
  again.follow.close();
});

test("a hub that hangs is left, and followed on when it answers again", async () => {
  const slow = await Hub.start("--heartbeat-interval", "500ms");
  try {
    await slow.publish("hung", 3);
    const seen = watch(slow, "hung");
    await until(() => seen.ids.length === 3 && seen.states.includes("live"));
    slow.process.kill("SIGSTOP");
    await until(() => seen.states.includes("waiting"));
    slow.process.kill("SIGCONT");
    await slow.publish("hung", 2, 4);
    await until(() => seen.ids.length >= 5);
    assert.deepEqual(seen.ids, numbers(1, 5));
    seen.follow.close();
  } finally {
    await slow.remove();
  }
});

test("more than waits in memory is read on once the handler has caught up", async () => {
  for (let i = 0; i < 12; i++) await hub.publish("many", 1000, i * 1000 + 1);
  const seen = watch(hub, "many");
  let release;
  const held = new Promise((resolve) => (release = resolve));
  const ids = [];
  seen.follow.close();
  const slow = watch(hub, "many", {
    subscriber: "slow",
    onEvent: async (event) => {
      await held;
      ids.push(event.message_id);
    },
  });
  await until(async () => slow.states.includes("replaying") && (await hub.call("GET", "/ws/status")).active_connections === 0);
  release();
  await until(() => ids.length >= 12000);
  assert.deepEqual(ids, numbers(1, 12000));
  slow.follow.close();
});
