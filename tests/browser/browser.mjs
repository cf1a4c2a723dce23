// browser: Debian's Chromium for a test, and pages in it. What a page complains of fails its test, unless it was said before that it would.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { Hub, until } from "../web/hub.mjs";

export { Hub, until };

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const DEADLINE_MS = 30_000;
const TOKEN = /eyJ[\w-]+\.[\w-]+\.[\w-]*/; // a JWT, wherever it is

export class Browser {
  // One a test file: it costs a second. Names under .example are this machine; `options` are those of Playwright's launch.
  static async start({ args = [], ...options } = {}) {
    const browser = new Browser();
    browser.process = await chromium.launch({
      executablePath: CHROMIUM,
      chromiumSandbox: process.getuid() !== 0, // which Chromium refuses to have as root
      args: ["--host-resolver-rules=MAP *.example 127.0.0.1", "--disable-gpu", ...args],
      ...options,
    });
    return browser;
  }

  end() {
    return this.process?.close();
  }

  // Opens `url` in a context of its own, calls body(page, seen), and closes it, whatever happened. Options beside those of Playwright's
  // newContext: `expected`, patterns of the complaints that belong to the test, each of which has to come; `mayShowToken`: in a URL.
  async visit(url, options, body) {
    const { expected = [], mayShowToken = false, ...contextOptions } = options;
    const context = await this.process.newContext({ viewport: { width: 1280, height: 800 }, ...contextOptions });
    const seen = listen(context);
    try {
      context.setDefaultTimeout(DEADLINE_MS);
      const page = await context.newPage();
      await page.goto(url);
      await body(page, seen);
      await Promise.all(context.pages().map((open) => open.evaluate("0"))); // what they complained of until now is here behind it
      check(seen, expected, mayShowToken);
    } finally {
      await context.close();
    }
  }
}

// What comes from a context's pages: complaints (console errors and warnings, with those about the Content-Security-Policy, and what
// nobody caught) and the URLs that they asked for, WebSockets with them.
function listen(context) {
  const seen = { complaints: [], urls: [], sockets: [] };
  context.on("console", (message) => {
    if (!["error", "warning"].includes(message.type())) return;
    const { url } = message.location();
    if (new URL(url || "about:blank").pathname === "/favicon.ico") return; // the browser's own wish
    seen.complaints.push(`${message.type()}: ${message.text()} (${url})`);
  });
  context.on("weberror", (error) => seen.complaints.push(`uncaught: ${error.error()?.stack ?? error.error()}`));
  context.on("request", (request) => seen.urls.push(request.url()));
  context.on("page", (page) => {
    page.on("crash", () => seen.complaints.push("the page has crashed"));
    page.on("websocket", (socket) => {
      seen.urls.push(socket.url());
      seen.sockets.push(socket);
    });
  });
  return seen;
}

function check(seen, expected, mayShowToken) {
  const none = (list, what) => assert.ok(list.length === 0, `${what}:\n${list.join("\n")}`);
  none(seen.complaints.filter((text) => !expected.some((pattern) => pattern.test(text))), "the page complains");
  none(expected.filter((pattern) => !seen.complaints.some((text) => pattern.test(text))), "the page did not complain of");
  if (!mayShowToken) none(seen.urls.filter((url) => TOKEN.test(decodeURIComponent(url))), "a token is in a URL");
}
