// dashboard: the hub's own page for a test: signed in, at a request, and what it says, as a person reads it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { untilIn } from "./browser.mjs";

export const COUNCIL = readFileSync(join(process.env.ROOT, "docs/examples/council-run.ndjson"), "utf8").trim().split("\n");

export const publish = (hub, requestId, lines) => hub.call("POST", `/requests/${requestId}/events`, lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n"), "application/x-ndjson");

// Visits it by a link that signs in; options beside those of browser.visit: `request`, `token`.
export function visit(browser, hub, { request, token = hub.token, ...options }, body) {
  return browser.visit(`${hub.url}/#token=${token}`, { locale: "en-GB", timezoneId: "UTC", ...options }, async (page, seen) => {
    await untilIn(page, "document.querySelector('main').childElementCount > 0");
    if (request !== undefined) await open(page, request);
    await body(page, seen);
  });
}

export async function open(page, requestId) {
  await page.evaluate((id) => (location.hash = "#/requests/" + encodeURIComponent(id)), requestId);
  await untilSays(page, "h1", requestId);
}

export const text = (page, selector) => page.evaluate((s) => document.querySelector(s)?.innerText ?? "", selector);
export const texts = (page, selector) => page.evaluate((s) => [...document.querySelectorAll(s)].map((e) => e.innerText), selector);

// Until what the selector names has the text within it.
export const untilSays = (page, selector, part) => untilIn(page, `(document.querySelector(${JSON.stringify(selector)})?.innerText ?? "").includes(${JSON.stringify(part)})`);

// Until what has come, or was asked for, is drawn to the last piece.
export const untilDrawn = (page) => untilIn(page, "document.querySelector('.request-page[aria-busy]') === null");

// The head of a request's page: { Elapsed, Subtasks, Cost, Tokens, Events }.
export const facts = (page) => page.evaluate(() => Object.fromEntries([...document.querySelectorAll(".facts > div")].map((d) => [d.children[0].innerText, d.children[1].innerText])));

export const untilEvents = (page, shown) => untilIn(page, `document.querySelector(".request-page[aria-busy]") === null && [...document.querySelectorAll(".facts dt")].find((t) => t.innerText === "Events")?.nextSibling.innerText === ${JSON.stringify(shown)}`);
