// councilws.js in a page that is hidden, frozen, left, come back to, and without a network.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Browser, Hub, numbers, Site, until, untilIn, watch } from "./browser.mjs";
import { Proxy } from "./proxy.mjs";

let browser, site, hub, proxy;
before(async () => {
  site = await Site.start();
  hub = await Hub.start("--allow-origin", site.origin("app"), "--heartbeat-interval", "1s", "--inactivity-timeout", "3s");
  proxy = await Proxy.start(hub);
  browser = await Browser.startPlain();
});
after(async () => {
  await browser?.end();
  await hub?.remove();
  proxy?.end();
  site.end();
});

const connections = async () => (await hub.call("GET", "/ws/status")).active_connections;
// How long the one watcher of the request has shown that it is there.
async function heardFor(requestId) {
  const [watcher] = (await hub.call("GET", "/requests/" + requestId)).watchers;
  return watcher ? Date.parse(watcher.last_heartbeat) - Date.parse(watcher.connected_at) : 0;
}

const NO_NETWORK = [/ERR_CONNECTION_RE(FUSED|SET)/, /ERR_INTERNET_DISCONNECTED/, /ERR_NETWORK/];

test("a hidden page, whose timers are slow, follows and acknowledges on, and is there when it is shown", () =>
  browser.visit(site.origin("app"), {}, async (page, seen) => {
    await watch(page, hub, "hidden");
    await untilIn(page, "following.state === 'live'");
    const other = await page.context().newPage();
    await other.bringToFront();
    await untilIn(page, "document.hidden");
    await hub.publish("hidden", 100);
    await until(async () => (await hub.acked("hidden")) === 100);
    await until(async () => (await heardFor("hidden")) >= 4000); // longer than who is silent may stay
    await page.bringToFront();
    await untilIn(page, "!document.hidden");
    assert.deepEqual(await page.evaluate("seen.ids"), numbers(1, 100));
    assert.deepEqual(await page.evaluate("seen.states"), ["connecting", "replaying", "live"]);
    assert.equal(seen.sockets.length, 1);
  }));

test("a page that the browser freezes misses nothing once it goes on", () =>
  browser.visit(site.origin("app"), { mayComplain: [/Page entered Back-Forward Cache/] }, async (page) => {
    await watch(page, hub, "frozen");
    await untilIn(page, "following.state === 'live'");
    const devtools = await page.context().newCDPSession(page);
    await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
    await until(async () => (await heardFor("frozen")) >= 4000); // pings are the browser's to answer
    await hub.publish("frozen", 50); // Chromium ends the WebSocket of a frozen page to which something comes
    assert.equal(await hub.acked("frozen"), 0);
    await devtools.send("Page.setWebLifecycleState", { state: "active" });
    await until(async () => (await hub.acked("frozen")) === 50);
    assert.deepEqual(await page.evaluate("seen.ids"), numbers(1, 50));
  }));

test("a page that is left keeps no connection; come back to, it goes on where it was", () =>
  browser.visit(site.origin("app") + "/first", {}, async (page) => {
    await hub.publish("left", 5);
    for (const transport of ["websocket", "sse"]) {
      await watch(page, hub, "left", { transport, from: "start" });
      await page.evaluate("addEventListener('pageshow', (event) => (window.wasKept = event.persisted))");
      await untilIn(page, "seen.ids.length >= 5 && following.state === 'live'");
      await page.goto(site.origin("app") + "/second");
      await until(async () => (await connections()) === 0);
      const last = (await hub.call("GET", "/requests/left")).last_message_id;
      await hub.publish("left", 2, last + 1);
      await page.evaluate("setTimeout(() => history.back())");
      await untilIn(page, "window.wasKept === true");
      await untilIn(page, `seen.ids.at(-1) === ${last + 2} && following.state === 'live'`);
      assert.deepEqual(await page.evaluate("seen.ids"), numbers(1, last + 2));
      await page.evaluate("following.close()");
      await until(async () => (await connections()) === 0);
    }
    await watch(page, hub, "left");
    await untilIn(page, "following.state === 'live'");
    await page.close();
    await until(async () => (await connections()) === 0);
  }));

test("without a network it says so; with one again it is back at once, and nothing is missed", () =>
  browser.visit(site.origin("app"), { mayComplain: NO_NETWORK }, async (page) => {
    const context = page.context();
    await hub.publish("offline", 5);
    await watch(page, { url: proxy.url, token: hub.token }, "offline");
    await untilIn(page, "seen.ids.length === 5 && following.state === 'live'");
    proxy.hush();
    await context.setOffline(true);
    await untilIn(page, "following.state === 'offline'");
    await hub.publish("offline", 5, 6);
    await context.setOffline(false);
    await untilIn(page, "seen.ids.length === 10 && following.state === 'live'");
    assert.deepEqual(await page.evaluate("seen.ids"), numbers(1, 10));
    assert.deepEqual(await page.evaluate("seen.states.slice(3, 5)"), ["offline", "connecting"]);
    assert.equal(await page.evaluate("seen.details[3].transport"), "websocket"); // it did not have to fail first
    // For longer: what there was is cut, attempts fail, and the end of it is not waited for.
    await context.setOffline(true);
    proxy.cut();
    await untilIn(page, "following.state === 'offline' && seen.details.at(-1).retryInMs > 0");
    proxy.isDown = false;
    await context.setOffline(false);
    await hub.publish("offline", 1, 11);
    await untilIn(page, "seen.ids.length === 11");
    assert.deepEqual(await page.evaluate("seen.gaps"), []);
  }));
