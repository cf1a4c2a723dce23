// The dashboard and who is signed in: the link, the form, a token that is over; and a hub that is away.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Browser, Hub, tokenFor, until, untilIn } from "./browser.mjs";
import { COUNCIL, open, publish, text, texts, untilEvents, untilSays, visit } from "./dashboard.mjs";

const AWAY = [/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|ERR_INTERNET_DISCONNECTED|WebSocket connection .* failed/];
const TOKEN_KEPT = "sessionStorage.getItem('councilws.token')";

let browser, hub;
before(async () => {
  hub = await Hub.start("--durability", "normal", "--heartbeat-interval", "500ms");
  browser = await Browser.start();
  await publish(hub, "council", COUNCIL);
});
after(async () => {
  await browser?.end();
  await hub.remove();
});

const signInWith = async (page, token) => {
  await page.fill("#sign-in-token", token);
  await page.keyboard.press("Enter");
};

test("a link signs in; its token is gone from the address before anything is asked of the hub, and is in no URL and no other tab", async () => {
  await browser.visit("about:blank", {}, async (page, seen) => {
    const addresses = [];
    page.on("request", (request) => request.url().includes("/api/") && addresses.push(page.url()));
    await page.goto(`${hub.url}/#token=${hub.token}`);
    await untilSays(page, ".requests tbody", "council");
    assert.equal(page.url(), hub.url + "/");
    assert.ok(addresses.length > 0 && addresses.every((url) => !url.includes("token")), String(addresses));
    assert.equal(await page.evaluate(TOKEN_KEPT), hub.token);
    await open(page, "council");
    await untilEvents(page, "24");
    assert.ok(seen.urls.length > 20 && seen.sockets.length > 0); // visit() fails where a token is in any of them
    assert.equal(await page.evaluate("localStorage.length + document.cookie.length"), 0);
    await page.goBack(); // the list
    await page.goBack(); // about:blank: the link left no entry of its own
    assert.equal(page.url(), "about:blank");
    const other = await page.context().newPage();
    await other.goto(hub.url);
    await other.waitForSelector("dialog[open]");
    assert.equal(await other.evaluate(TOKEN_KEPT), null);
  });
});

test("a link that is opened in a page that is there signs in as somebody else, who begins anew", async () => {
  await visit(browser, hub, { request: "council", mayComplain: [/403/, ...AWAY] }, async (page) => {
    await untilEvents(page, "24");
    const token = hub.sign("--sub", "bob", "--subscribe", "nothing-*");
    await page.evaluate((t) => (location.hash = "#token=" + t), token);
    await untilSays(page, "#user", "bob");
    await untilSays(page, ".end", "may not watch");
    assert.equal(page.url(), hub.url + "/#/requests/council");
    assert.equal((await texts(page, ".event")).length, 0);
    await page.click(".brand");
    await untilSays(page, ".list-page", "No requests yet");
  });
});

test("the form takes a token or a whole link, says why it takes another not, and signing out forgets it", async () => {
  await browser.visit(hub.url, { mayComplain: [/401/] }, async (page) => {
    await page.waitForSelector("dialog[open]");
    await page.keyboard.press("Escape"); // there is nothing behind it
    await signInWith(page, "not.a.token");
    await untilSays(page, "#sign-in-reason", "does not take this token");
    assert.equal(await page.evaluate(TOKEN_KEPT), null);
    await signInWith(page, `${hub.url}/#token=${hub.token}`);
    await untilSays(page, ".requests tbody", "council");
    await open(page, "council");
    await untilEvents(page, "24");
    await page.click("#sign-out");
    await page.waitForSelector("dialog[open]");
    assert.deepEqual([await page.evaluate(TOKEN_KEPT), await text(page, "main"), await text(page, "#connection-text")], [null, "", "Signed out"]);
    await until(async () => (await hub.call("GET", "/ws/status")).active_connections === 0, "its connection ends");
    await page.reload();
    await page.waitForSelector("dialog[open]");
    await signInWith(page, "Bearer " + hub.token);
    await untilEvents(page, "24"); // where it was
  });
});

test("a token that is over while the page is open: the form says so, and the page goes on where it was", async () => {
  await publish(hub, "expiry", COUNCIL.slice(0, 12));
  const token = tokenFor(hub, "ann", -45); // with the hub's leeway of a minute it has 15 seconds
  await visit(browser, hub, { request: "expiry", token, mayComplain: [/401/] }, async (page, seen) => {
    await untilEvents(page, "12");
    await page.click(".event:nth-child(2) .line");
    await page.evaluate("document.querySelector('.event-list').mark = 'the same page'");
    await page.waitForSelector("dialog[open]");
    await untilSays(page, "#sign-in-reason", "The token has expired.");
    assert.equal(await text(page, "#connection-text"), "Signed out");
    await publish(hub, "expiry", COUNCIL.slice(12));
    assert.equal((await text(page, ".event .data pre")).length > 0, true); // it is still there behind the form
    await signInWith(page, hub.token);
    await untilEvents(page, "24");
    await untilSays(page, "#connection-text", "Live");
    assert.equal(await page.evaluate("document.querySelector('.event-list').mark"), "the same page");
    assert.equal((await text(page, ".event .data pre")).length > 0, true);
    assert.match(seen.sockets.at(-1).url(), /after=12/); // nothing came twice
  });
});

test("a hub that is restarted: it says so, comes back by itself, and misses nothing", async () => {
  await publish(hub, "restart", COUNCIL.slice(0, 5));
  await visit(browser, hub, { request: "restart", mayComplain: AWAY }, async (page) => {
    await untilEvents(page, "5");
    await untilSays(page, "#connection-text", "Live");
    assert.equal(await page.evaluate("document.querySelector('#connection-text').getAttribute('role')"), "status");
    await hub.stop();
    await untilSays(page, "#connection-text", "No connection");
    await untilSays(page, "#connection-more", "again in");
    await hub.start();
    await publish(hub, "restart", COUNCIL.slice(5));
    await untilSays(page, "#connection-text", "Live, back after");
    await untilEvents(page, "24");
    assert.equal((await texts(page, ".title .badge"))[0], "completed");
  });
});

test("without a network it says so, and goes on when it is back", async () => {
  await publish(hub, "network", COUNCIL.slice(0, 5));
  await visit(browser, hub, { request: "network", mayComplain: AWAY }, async (page) => {
    await untilSays(page, "#connection-text", "Live");
    await page.context().setOffline(true);
    await untilSays(page, "#connection-text", "Offline");
    await publish(hub, "network", COUNCIL.slice(5));
    await page.context().setOffline(false);
    await untilSays(page, "#connection-text", "Live");
    await untilEvents(page, "24");
  });
});

test("the list does the same", async () => {
  await visit(browser, hub, { mayComplain: AWAY }, async (page) => {
    await untilSays(page, "#connection-text", "Up to date");
    await hub.stop("SIGKILL");
    await untilSays(page, "#connection-text", "No connection: the hub does not answer");
    await untilSays(page, ".requests tbody", "council"); // what was known stays
    await hub.start();
    await untilSays(page, "#connection-text", "Up to date, back after");
  });
});

test("a request that is deleted, or that one may not watch, is said to be so; one can try again", async () => {
  await publish(hub, "deleted", COUNCIL.slice(0, 3));
  await visit(browser, hub, { request: "deleted", token: hub.sign("--sub", "bob", "--subscribe", "deleted"), mayComplain: [/40[34]/, ...AWAY] }, async (page) => {
    await untilEvents(page, "3");
    await hub.call("DELETE", "/requests/deleted");
    await untilSays(page, ".end", "This request was deleted.");
    await publish(hub, "deleted", COUNCIL.slice(0, 2));
    await page.getByRole("button", { name: "Try again" }).click();
    await untilEvents(page, "2");
    assert.match(await text(page, ".event-list"), /began again/);
    await open(page, "council");
    await untilSays(page, ".end", "may not watch");
  });
});
