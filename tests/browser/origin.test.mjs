// Pages of other sites, under made-up names: one that the hub allows gets all that its token may, another gets 403 and an error.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Browser, Hub, Site, until, untilIn, watch } from "./browser.mjs";

let browser, site, hub;
before(async () => {
  site = await Site.start();
  hub = await Hub.start("--allow-origin", site.origin("app"), "--max-publish-rate", "20");
  browser = await Browser.start();
});
after(async () => {
  await browser?.end();
  await hub?.remove();
  site.end();
});

const REFUSED = [/blocked by CORS policy/, /ERR_FAILED/, /Unexpected response code: 403/, /status of 403/];

// What comes of a fetch: [status, body, the headers that a page of another origin may see], or "TypeError".
function ask(page, path, options = {}) {
  return page.evaluate(
    async ([url, token, options]) => {
      const headers = { ...(options.anonymous ? {} : { Authorization: "Bearer " + token }), ...options.headers };
      const response = await fetch(url, { ...options, headers }).catch((error) => error);
      return response instanceof Error ? response.name : [response.status, await response.text(), Object.fromEntries(response.headers)];
    },
    [hub.url + "/api/v1" + path, hub.token, options],
  );
}

// How a WebSocket and an EventSource of the page end, or begin: "open", or "closed CODE".
function open(page) {
  return page.evaluate(
    ([url, token]) =>
      Promise.all([
        new Promise((resolve) => {
          const socket = new WebSocket(url.replace("http", "ws") + "/api/v1/ws/run", ["councilws.v1", "bearer." + token]);
          socket.onopen = () => resolve("open " + socket.protocol);
          socket.onclose = (event) => resolve("closed " + event.code);
        }),
        new Promise((resolve) => {
          const source = new EventSource(url + "/api/v1/requests/run/events?token=" + token);
          source.onopen = () => resolve("open");
          source.onerror = () => resolve(source.readyState === EventSource.CLOSED ? "closed" : "again");
        }),
      ]),
    [hub.url, hub.token],
  );
}

test("a page of an allowed origin publishes, reads, deletes, and opens streams", () =>
  browser.visit(site.origin("app"), { mayShowToken: true, mayComplain: [/status of (404|422|429)/] }, async (page) => {
    const headers = { "Content-Type": "application/x-ndjson", "Idempotency-Key": "a" };
    const body = Array(20).fill('{"type":"log"}').join("\n");
    const [status, answer] = await ask(page, "/requests/run/events", { method: "POST", headers, body });
    assert.deepEqual([status, JSON.parse(answer).last_message_id], [201, 20]);
    const page1 = await ask(page, "/requests/run/events?limit=3");
    assert.deepEqual([page1[0], JSON.parse(page1[1]).length], [200, 3]);
    assert.match(page1[2].link, /after=3.*rel="?next/);
    assert.deepEqual(await open(page), ["open councilws.v1", "open"]);
    // Refusals are as readable as answers: what is wrong, and when to come back.
    const bad = await ask(page, "/requests/run/events", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
    assert.deepEqual([bad[0], JSON.parse(bad[1]).error.code], [422, "bad_event"]);
    const all = await Promise.all(Array.from({ length: 5 }, (_, i) => ask(page, "/requests/run/events", { method: "POST", headers: { ...headers, "Idempotency-Key": "b" + i }, body })));
    const much = all.find((one) => one[0] === 429);
    assert.ok(Number(much[2]["retry-after"]) > 0);
    assert.equal((await ask(page, "/requests/run", { method: "HEAD" }))[0], 200);
    assert.equal((await ask(page, "/requests/run", { method: "DELETE" }))[0], 200);
    assert.equal((await ask(page, "/requests/run"))[0], 404);
  }));

test("a page of another origin gets 403 and sees an error, whatever it tries, and nothing is stored", () =>
  browser.visit(site.origin("evil"), { mayShowToken: true, mayComplain: REFUSED }, async (page, seen) => {
    const statuses = []; // which the page itself is not told
    const devtools = await page.context().newCDPSession(page);
    devtools.on("Network.responseReceivedExtraInfo", ({ statusCode }) => statuses.push(statusCode));
    await devtools.send("Network.enable");
    assert.equal(await ask(page, "/requests/mine"), "TypeError"); // asked before: the header is out of the ordinary
    assert.equal(await ask(page, "/ws/status", { anonymous: true }), "TypeError"); // asked as it is
    const plain = { method: "POST", headers: { "Content-Type": "text/plain" }, body: '{"type":"log"}', anonymous: true };
    assert.equal(await ask(page, "/requests/mine/events", plain), "TypeError");
    assert.deepEqual(await open(page), ["closed 1006", "closed"]);
    await until(() => statuses.length >= 4);
    assert.deepEqual(new Set(statuses), new Set([403]));
    assert.ok(seen.complaints.some((text) => /WebSocket.*response code: 403/.test(text)), seen.complaints.join("\n"));
    assert.deepEqual(await hub.call("GET", "/requests").then((list) => list.requests.map((r) => r.request_id).includes("mine")), false);
  }));

test("councilws.js in a page of another origin goes on trying and says what it may be", () =>
  browser.visit(site.origin("evil"), { mayComplain: REFUSED }, async (page) => {
    await watch(page, hub, "run");
    await untilIn(page, "following.state === 'waiting'");
    const reason = "the hub cannot be reached, or does not allow pages of " + site.origin("evil");
    assert.deepEqual(await page.evaluate("[seen.ids.length, seen.details.at(-1).reason]"), [0, reason]);
    await page.evaluate("following.close()");
  }));

test("a page without an origin is another's", () =>
  browser.visit(site.origin("app"), { mayComplain: REFUSED }, async (page, seen) => {
    const said = page.waitForEvent("console", (message) => message.text() === "refused");
    await page.evaluate((url) => {
      const frame = document.createElement("iframe");
      frame.sandbox = "allow-scripts";
      frame.srcdoc = `<script>fetch("${url}/api/v1/ws/status").then(() => console.log("taken"), () => console.log("refused"))</script>`;
      document.body.append(frame);
    }, hub.url);
    await said;
    assert.ok(seen.complaints.some((text) => text.includes("from origin 'null'")), seen.complaints.join("\n"));
  }));

test("the hub's own pages need no permission, by whatever name the hub is reached", () =>
  browser.visit(hub.url.replace("127.0.0.1", "hub.example") + "/healthz/live", { bypassCSP: true }, async (page) => {
    const own = { url: hub.url.replace("127.0.0.1", "hub.example"), token: hub.token };
    await hub.publish("own", 3);
    await watch(page, own, "own");
    await untilIn(page, "seen.ids.length === 3");
    await until(async () => (await hub.acked("own")) === 3);
  }));
