// Event streams: councilws.js where no WebSocket gets through, and the browser's own EventSource.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Browser, Hub, numbers, Site, until, untilIn, watch } from "./browser.mjs";
import { Proxy } from "./proxy.mjs";

let browser, site, hub, proxy;
before(async () => {
  site = await Site.start();
  hub = await Hub.start("--allow-origin", site.origin("app"));
  proxy = await Proxy.start(hub);
  browser = await Browser.start();
});
after(async () => {
  await browser?.end();
  await hub?.remove();
  proxy?.end();
  site.end();
});

const NO_NETWORK = [/ERR_CONNECTION_(REFUSED|RESET)/, /ERR_(INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE|NETWORK_IO_SUSPENDED)/];

test("where no WebSocket gets through, an event stream does; after a cut it goes on where it was", () =>
  browser.visit(site.origin("app"), { mayComplain: [/WebSocket connection to .* failed: .*502/, ...NO_NETWORK] }, async (page, seen) => {
    proxy.refusesUpgrades = true;
    await hub.publish("blocked", 30);
    await watch(page, { url: proxy.url, token: hub.token }, "blocked");
    await untilIn(page, "seen.ids.length === 30 && following.state === 'live'");
    assert.equal(await page.evaluate("seen.details.at(-1).transport"), "sse");
    assert.equal(seen.sockets.length, 2); // then it knew
    proxy.cut();
    await untilIn(page, "following.state === 'waiting'");
    await hub.publish("blocked", 10, 31);
    proxy.isDown = false;
    await untilIn(page, "seen.ids.length === 40 && following.state === 'live'");
    await hub.publish("blocked", 1, 41);
    await untilIn(page, "seen.ids.length >= 41");
    assert.deepEqual(await page.evaluate("seen.ids"), numbers(1, 41));
    assert.deepEqual(await page.evaluate("seen.gaps"), []);
    await page.evaluate("following.close()");
    await until(async () => (await hub.call("GET", "/ws/status")).active_connections === 0);
    proxy.refusesUpgrades = false;
  }));

test("the browser's EventSource follows, and comes back by itself behind its last id after kill -9", () =>
  browser.visit(hub.url + "/healthz/live", { bypassCSP: true, mayShowToken: true, mayComplain: NO_NETWORK }, async (page) => {
    await hub.publish("native", 20);
    await page.evaluate((token) => {
      window.seen = { ids: [], lastEventIds: [], named: [], opens: 0 };
      window.source = new EventSource("/api/v1/requests/native/events?token=" + token);
      source.onopen = () => seen.opens++;
      source.onmessage = (event) => {
        seen.ids.push(JSON.parse(event.data).message_id);
        seen.lastEventIds.push(event.lastEventId);
      };
      for (const type of ["connection_established", "gap", "replay_complete", "bye"])
        source.addEventListener(type, (event) => seen.named.push([type, JSON.parse(event.data)]));
    }, hub.token);
    await untilIn(page, "seen.ids.length === 20");
    await hub.stop("SIGKILL");
    await untilIn(page, "source.readyState === EventSource.CONNECTING");
    await hub.start();
    await hub.publish("native", 10, 21);
    await untilIn(page, "seen.ids.length === 30");
    await hub.publish("native", 1, 31);
    await untilIn(page, "seen.ids.length >= 31");
    const seen = await page.evaluate("seen");
    assert.deepEqual(seen.ids, numbers(1, 31));
    assert.equal(seen.opens, 2);
    const hellos = seen.named.filter(([type]) => type === "connection_established").map(([, message]) => message.data);
    assert.deepEqual(hellos.map((hello) => hello.resume_from), [0, 20]);
    assert.equal(seen.lastEventIds.at(-1), hellos[0].epoch + ":31");
    assert.deepEqual(seen.named.filter(([type]) => type === "gap"), []);
    // A hub that ends says when to come back: that is the browser's to keep, and it does.
    await hub.stop("SIGTERM");
    await hub.start();
    await hub.publish("native", 1, 32);
    await untilIn(page, "seen.ids.length >= 32");
    assert.deepEqual(await page.evaluate("[seen.ids.at(-1), seen.named.filter(([type]) => type === 'bye').length]"), [32, 1]);
  }));
