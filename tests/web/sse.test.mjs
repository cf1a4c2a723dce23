// Where WebSockets do not get through, or there are none, an event stream does.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { BlockedWebSocket, Hub, numbers, until, watch } from "./hub.mjs";

let hub;
before(async () => (hub = await Hub.start()));
after(() => hub.remove());

test("a WebSocket that never opens while HTTP works gives way to an event stream", async () => {
  await hub.publish("blocked", 30);
  const seen = watch(hub, "blocked", { WebSocket: BlockedWebSocket });
  await until(() => seen.ids.length === 30 && seen.states.includes("live"));
  assert.equal(seen.details[seen.states.indexOf("live")].transport, "sse");
  await hub.publish("blocked", 10, 31);
  await until(() => seen.ids.length >= 40);
  assert.deepEqual(seen.ids, numbers(1, 40));
  seen.follow.close();
  await until(async () => (await hub.call("GET", "/ws/status")).active_connections === 0);
});

test("a hub that is down is no reason to give up WebSockets", async () => {
  await hub.publish("down", 1);
  const seen = watch(hub, "down");
  await until(() => seen.ids.length === 1);
  await hub.stop();
  await until(() => seen.states.filter((s) => s === "waiting").length >= 4);
  assert.equal(seen.details[seen.states.lastIndexOf("waiting")].reason, "the hub cannot be reached");
  await hub.start();
  await hub.publish("down", 1, 2);
  await until(() => seen.ids.length === 2);
  assert.equal(seen.details[seen.states.lastIndexOf("replaying")].transport, "websocket");
  seen.follow.close();
});

test("each event once and in order over kill -9, by event stream", async () => {
  const seen = watch(hub, "killed", { transport: "sse" });
  for (let round = 0; round < 3; round++) {
    await hub.publish("killed", 50, round * 50 + 1);
    if (round !== 1) await until(() => seen.ids.length === (round + 1) * 50);
    await hub.stop(round === 2 ? "SIGTERM" : "SIGKILL");
    await hub.start();
  }
  await hub.publish("killed", 1, 151);
  await until(() => seen.ids.length >= 151);
  assert.deepEqual(seen.ids, numbers(1, 151));
  assert.deepEqual(seen.gaps, []);
  seen.follow.close();
});

test("gaps and ends are told by event stream as by WebSocket", async () => {
  await hub.publish("gone", 3);
  const seen = watch(hub, "gone", { transport: "sse" });
  await until(() => seen.ids.length === 3);
  const { epoch } = seen.follow.position;
  await hub.call("DELETE", "/requests/gone");
  await assert.rejects(seen.follow.closed, { name: "CouncilError", code: 4510 });
  await hub.publish("gone", 2);
  const again = watch(hub, "gone", { transport: "sse", after: 3, epoch });
  await until(() => again.ids.length === 2);
  assert.deepEqual([again.gaps.length, again.gaps[0].before, again.gaps[0].reason], [1, 0, "epoch"]);
  again.follow.close();
});

test("it begins behind what the subscriber has acknowledged by WebSocket", async () => {
  await hub.publish("acked", 5);
  const first = watch(hub, "acked", { subscriber: "x" });
  await until(async () => (await hub.acked("acked", "ann/x")) === 5);
  first.follow.close();
  await hub.publish("acked", 2, 6);
  const next = watch(hub, "acked", { subscriber: "x", transport: "sse" });
  await until(() => next.ids.length === 2);
  assert.deepEqual(next.ids, [6, 7]);
  next.follow.close();
});

test("a hub that hangs is left by event stream, too", async () => {
  const slow = await Hub.start("--heartbeat-interval", "500ms");
  try {
    const seen = watch(slow, "hung", { transport: "sse" });
    await until(() => seen.states.includes("live"));
    slow.process.kill("SIGSTOP");
    await until(() => seen.states.includes("waiting"));
    slow.process.kill("SIGCONT");
    await slow.publish("hung", 2);
    await until(() => seen.ids.length === 2);
    seen.follow.close();
  } finally {
    await slow.remove();
  }
});
