// The harness itself: what a page complains of does not pass unseen.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Browser, Hub } from "./browser.mjs";

let browser, hub;
before(async () => {
  hub = await Hub.start();
  browser = await Browser.start();
});
after(async () => {
  await browser?.end();
  await hub.remove();
});

const visit = (options, body) => browser.visit(hub.url + "/healthz/live", options, body);

test("what a page complains of fails its test", async () => {
  const complain = () => {
    console.error("ouch");
    setTimeout(() => fail("nobody caught this"));
    const fail = (why) => { throw new Error(why); };
    return fetch("http://other.example/").catch(() => {});
  };
  const said = await visit({}, (page) => page.evaluate(complain)).catch((error) => error.message);
  for (const complaint of [/ouch/, /nobody caught this/, /Content Security Policy/]) assert.match(said, complaint);
});

test("a complaint that belongs to the test may come", () => visit({ mayComplain: [/ouch/] }, (page) => page.evaluate("console.error('ouch')")));

test("a token in a URL fails the test", async () => {
  const options = { bypassCSP: true };
  await assert.rejects(visit(options, (page) => page.evaluate((t) => fetch("/healthz/live?token=" + t).then((r) => r.text()), hub.token)), /a token is in a URL/);
});
