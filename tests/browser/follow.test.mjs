// councilws.js in a page of another site that the hub allows, by WebSocket, with real hubs.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { Browser, Hub, numbers, Site, tokenFor, until, untilIn, watch } from "./browser.mjs";

let browser, site, hub;
before(async () => {
  site = await Site.start();
  hub = await Hub.start("--allow-origin", site.origin("app"), "--heartbeat-interval", "1s", "--inactivity-timeout", "3s");
  browser = await Browser.start();
});
after(async () => {
  await browser?.end();
  await hub?.remove();
  site.end();
});

const visit = (body, options = {}) => browser.visit(site.origin("app"), options, body);
const lastRequest = (seen) => new URL(seen.sockets.at(-1).url());

test("a backlog and then what is published, once and in order, acknowledged once it is handled", () =>
  visit(async (page, seen) => {
    await hub.publish("run", 300);
    const waiting = [];
    await watch(page, hub, "run", { onEvent: (event) => event.message_id > 320 && new Promise((resolve) => waiting.push(resolve)) });
    await untilIn(page, "seen.ids.length === 300 && following.state === 'live'");
    await hub.publish("run", 22, 301);
    await until(() => waiting.length === 1);
    await until(async () => (await hub.acked("run")) === 320);
    waiting[0]();
    await until(async () => (await hub.acked("run")) === 321);
    assert.deepEqual(await page.evaluate("seen.ids"), numbers(1, 322));
    assert.deepEqual(await page.evaluate("seen.events[319].data"), { n: 320 });
    assert.deepEqual(await page.evaluate("seen.states"), ["connecting", "replaying", "live"]);
    assert.equal(await page.evaluate("seen.details[2].transport"), "websocket");
    assert.deepEqual(seen.urls.filter((url) => url.startsWith("ws:")), [`${hub.url.replace("http", "ws")}/api/v1/ws/run`]);
    await page.evaluate("following.close()");
    await until(async () => (await hub.call("GET", "/ws/status")).active_connections === 0);
  }));

test("heartbeats are answered: it stays longer than who is silent may", () =>
  visit(async (page, seen) => {
    await watch(page, hub, "quiet");
    const sent = [];
    await until(() => seen.sockets.length === 1);
    seen.sockets[0].on("framesent", ({ payload }) => sent.push(JSON.parse(payload).type));
    await until(() => sent.length >= 5); // a second each, and three are too long
    assert.deepEqual(new Set(sent), new Set(["heartbeat_response"]));
    assert.deepEqual(await page.evaluate("seen.states"), ["connecting", "replaying", "live"]);
  }));

test("over kill -9 and restarts it goes on where it was, by position and epoch", () =>
  visit(
    async (page, seen) => {
      await hub.publish("killed", 10);
      await watch(page, hub, "killed", { subscriber: "tab" });
      for (let last = 10; last < 40; last += 10) {
        await untilIn(page, `seen.ids.length === ${last}`);
        await hub.stop(last === 20 ? "SIGTERM" : "SIGKILL");
        await untilIn(page, "following.state === 'waiting'");
        await hub.start();
        await hub.publish("killed", 10, last + 1);
      }
      await untilIn(page, "seen.ids.length >= 40 && following.state === 'live'");
      assert.deepEqual(await page.evaluate("seen.ids"), numbers(1, 40));
      assert.deepEqual(await page.evaluate("seen.gaps"), []);
      const query = lastRequest(seen).searchParams;
      assert.deepEqual([query.get("after"), query.get("epoch")], ["30", await page.evaluate("following.position.epoch")]);
      await until(async () => (await hub.acked("killed", "ann/tab")) === 40);
    },
    { mayComplain: [/ERR_CONNECTION_(REFUSED|RESET)/] },
  ));

test("what is gone is told as a gap in its place; a request that was deleted ends it", () =>
  visit(async (page) => {
    await hub.publish("gone", 3);
    await watch(page, hub, "gone");
    await untilIn(page, "seen.ids.length === 3");
    const epoch = await page.evaluate("following.position.epoch");
    await hub.call("DELETE", "/requests/gone");
    await untilIn(page, "seen.error !== null");
    assert.deepEqual(await page.evaluate("[seen.error.name, seen.error.code, following.state]"), ["CouncilError", 4510, "closed"]);
    await hub.publish("gone", 2);
    await watch(page, hub, "gone", { after: 3, epoch });
    await untilIn(page, "seen.ids.length === 2");
    const gaps = await page.evaluate("seen.gaps");
    assert.deepEqual(gaps, [{ from: 4, to: null, reason: "epoch", epoch: gaps[0].epoch, before: 0 }]);
    assert.notEqual(gaps[0].epoch, epoch);
    assert.deepEqual(await page.evaluate("seen.ids"), [1, 2]);
  }));

test("a token that expires while it is open is followed by another, and nothing is missed", () =>
  visit(async (page, seen) => {
    const wishes = [];
    // Within the hub's 60 s of leeway, and soon beyond them.
    const getToken = (wish) => wishes.push(wish.refresh) && tokenFor(hub, "eve", wish.refresh ? 600 : -55);
    await hub.publish("long", 5);
    await watch(page, hub, "long", { getToken });
    await untilIn(page, "seen.ids.length === 5");
    await until(() => wishes.length === 2);
    await untilIn(page, "seen.states.lastIndexOf('live') > 2");
    await hub.publish("long", 1, 6);
    await untilIn(page, "seen.ids.length >= 6");
    assert.deepEqual(wishes, [false, true]);
    assert.deepEqual(await page.evaluate("seen.ids"), numbers(1, 6));
    assert.deepEqual(await page.evaluate("seen.states"), ["connecting", "replaying", "live", "connecting", "replaying", "live"]);
    assert.equal(seen.sockets.length, 2);
  }));

test("a loop takes one event after the other; the one it was left at is not acknowledged", () =>
  visit(async (page) => {
    await hub.publish("loop", 5);
    const ids = await page.evaluate(
      async ({ url, token }) => {
        const { follow } = await import(url + "/councilws.js");
        const ids = [];
        for await (const event of follow("loop", { url, token })) {
          ids.push(event.message_id);
          if (ids.length === 3) break;
        }
        return ids;
      },
      { url: hub.url, token: hub.token },
    );
    assert.deepEqual(ids, [1, 2, 3]);
    await until(async () => (await hub.acked("loop")) === 2);
    await until(async () => (await hub.call("GET", "/ws/status")).active_connections === 0);
  }));

test("numbers of any length come whole, where one wishes", () =>
  visit(async (page) => {
    await hub.call("POST", "/requests/large/events", '{"type":"log","data":{"n":12345678901234567890,"cost":0.0012,"text":"12345678901234567890"}}');
    const readme = readFileSync(new URL("../../server/web/client/README.md", import.meta.url), "utf8");
    const parse = /^ *parse: (.*)$/m.exec(readme)[1];
    await page.evaluate(
      async ({ url, token, parse }) => {
        const { follow } = await import(url + "/councilws.js");
        window.data = null;
        follow("large", { url, token, parse: (0, eval)(parse), onEvent: (event) => (window.data = event.data) });
      },
      { url: hub.url, token: hub.token, parse },
    );
    await untilIn(page, "data !== null");
    assert.deepEqual(await page.evaluate("data"), { n: 12345678901234567890n, cost: 0.0012, text: "12345678901234567890" });
  }));

test("the first system's client shows the whole run and acknowledges it", () =>
  visit(
    async (page) => {
      const client = readFileSync(new URL("../e2e/first_system_client.js", import.meta.url), "utf8");
      await hub.publish("seed", 24);
      await page.addScriptTag({ content: client });
      await page.evaluate(([base, token]) => {
        window.shown = [];
        connectToCouncil(base, "seed", token, (message) => shown.push(message), WebSocket);
      }, [hub.url.replace("http", "ws"), hub.sign("--sub", "visitor")]);
      await untilIn(page, "shown.length >= 26");
      const shown = await page.evaluate("shown");
      assert.deepEqual(shown.map((message) => message.type), ["connection_established", ...Array(24).fill("log"), "replay_complete"]);
      assert.deepEqual(shown.slice(1, 25).map((message) => message.message_id), numbers(1, 24));
      await until(async () => (await hub.acked("seed", "visitor")) === 24);
      await hub.publish("seed", 1, 25);
      await untilIn(page, "shown.at(-1).message_id === 25");
    },
    { mayShowToken: true }, // it knows no other way
  ));
