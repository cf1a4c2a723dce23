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

test("a page that is quiet passes", () => visit({}, async (page) => assert.equal(await page.evaluate("1 + 1"), 2)));

test("what a page complains of fails its test", async () => {
  await assert.rejects(visit({}, (page) => page.evaluate("console.error('ouch')")), /ouch/);
  await assert.rejects(visit({}, (page) => page.evaluate("new Promise((done) => setTimeout(() => (done(), fail()))); function fail() { throw new Error('nobody') }")), /nobody/);
  await assert.rejects(visit({}, (page) => page.evaluate("fetch('http://other.example/').catch(() => {})")), /Content Security Policy/);
});

test("a complaint that is expected may come, and has to", async () => {
  await visit({ expected: [/ouch/] }, (page) => page.evaluate("console.error('ouch')"));
  await assert.rejects(visit({ expected: [/ouch/] }, () => {}), /did not complain of/);
});

test("a token in a URL fails the test", async () => {
  const options = { bypassCSP: true };
  await assert.rejects(visit(options, (page) => page.evaluate((t) => fetch("/healthz/live?token=" + t).then((r) => r.text()), hub.token)), /a token is in a URL/);
});
