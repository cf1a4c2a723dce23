// browser: Debian's Chromium for a test, and pages in it. What a page complains of fails its test, unless it was said before that it would.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { Hub, until } from "../web/hub.mjs";

export { Hub, until };
export { numbers } from "../web/hub.mjs";

const SHELL = "/usr/bin/chromium-headless-shell"; // Chromium without all that surrounds a page: half the processor's time
const CHROMIUM = "/usr/bin/chromium";
const ARGS = ["--host-resolver-rules=MAP *.example 127.0.0.1", "--disable-gpu"];
const DEADLINE_MS = 30_000;
const TOKEN = /eyJ[\w-]+\.[\w-]+\.[\w-]*/; // a JWT, wherever it is

export class Browser {
  // One a test file: it costs two seconds. Names under .example are this machine. `options` are those of Playwright's launch.
  static async start({ args = [], ...options } = {}) {
    const browser = new Browser();
    browser.chromium = await chromium.launch({
      executablePath: SHELL,
      chromiumSandbox: process.getuid() !== 0, // which Chromium refuses to have as root
      args: [...ARGS, ...args],
      ...options,
    });
    return browser;
  }

  // As somebody has it on their desk: pages in the background are hidden, their timers slow, and pages that are left are kept for the way
  // back. Playwright sees to it that none of that happens, and has one context for all pages then.
  static async startPlain() {
    const browser = new Browser();
    browser.dir = mkdtempSync(join(tmpdir(), "councilws-chromium-"));
    const args = ["--headless", "--remote-debugging-port=0", `--user-data-dir=${browser.dir}`, "--no-first-run", "--password-store=basic", ...ARGS, "about:blank"];
    if (process.getuid() === 0) args.push("--no-sandbox");
    browser.process = spawn(CHROMIUM, args, { stdio: ["ignore", "ignore", "pipe"], detached: true });
    process.on("exit", () => browser.#kill());
    browser.ended = new Promise((resolve) => browser.process.on("exit", resolve));
    let said = "";
    browser.process.stderr.on("data", (bytes) => (said += bytes));
    await until(() => /^DevTools listening on (.*)$/m.test(said), "DevTools: " + said);
    browser.chromium = await chromium.connectOverCDP(/^DevTools listening on (.*)$/m.exec(said)[1], { noDefaults: true });
    return browser;
  }

  #kill() {
    try {
      process.kill(-this.process.pid, "SIGKILL"); // it has many children
    } catch {
      // it is gone
    }
  }

  async end() {
    await this.chromium?.close();
    if (!this.process) return;
    this.#kill();
    await this.ended;
    rmSync(this.dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }

  // Opens `url` in a context of its own, calls body(page, seen), and closes it, whatever happened. Options beside those of Playwright's
  // newContext: `mayComplain`, patterns of what belongs to the test; `mayShowToken`: in a URL.
  async visit(url, options, body) {
    const { mayComplain = [], mayShowToken = false, ...contextOptions } = options;
    const context = this.process ? this.chromium.contexts()[0] : await this.chromium.newContext({ viewport: { width: 1280, height: 800 }, ...contextOptions });
    const seen = listen(context);
    try {
      context.setDefaultTimeout(DEADLINE_MS);
      const page = await context.newPage();
      await page.goto(url);
      await body(page, seen);
      await Promise.all(context.pages().map((open) => open.evaluate("0"))); // what they complained of until now is here behind it
      check(seen, mayComplain, mayShowToken);
    } finally {
      if (!this.process) await context.close();
      else for (const page of context.pages()) await page.close();
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
    if (/WebSocket is closed before the connection is established/.test(message.text())) return; // left as soon as it was opened
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

function check(seen, mayComplain, mayShowToken) {
  const none = (list, what) => assert.ok(list.length === 0, `${what}:\n${list.join("\n")}`);
  none(seen.complaints.filter((text) => !mayComplain.some((pattern) => pattern.test(text))), "the page complains");
  if (!mayShowToken) none(seen.urls.filter((url) => TOKEN.test(decodeURIComponent(url))), "a token is in a URL");
}

// Empty pages at every path, under any name of .example: the web site of somebody else.
export class Site {
  static async start() {
    const site = new Site();
    site.server = createServer((_, response) => response.setHeader("content-type", "text/html").end("<!doctype html><title>a page</title>"));
    await new Promise((resolve) => site.server.listen(0, "127.0.0.1", resolve));
    return site;
  }
  origin(name) {
    return `http://${name}.example:${this.server.address().port}`;
  }
  end() {
    this.server.closeAllConnections();
    this.server.close();
  }
}

// Follows in the page as a page does. What it is told is kept in the page, as `seen`; the Follow is `following`. Functions among the
// options are called here, and the page waits for what they return.
export async function watch(page, hub, requestId, options = {}) {
  const functions = Object.keys(options).filter((name) => typeof options[name] === "function");
  for (const name of functions) await page.exposeFunction("call_" + name, options[name]);
  const plain = Object.fromEntries(Object.entries(options).filter(([name]) => !functions.includes(name)));
  if (!options.getToken) plain.token ??= hub.token;
  await page.evaluate(
    async ({ requestId, functions, options }) => {
      const { follow } = await import(options.url + "/councilws.js");
      window.seen = { ids: [], events: [], gaps: [], states: [], details: [], error: null };
      for (const name of functions) options[name] = window["call_" + name];
      const { onEvent } = options;
      options.onEvent = async (event) => {
        seen.ids.push(event.message_id);
        seen.events.push(event);
        await onEvent?.(event);
      };
      options.onGap = (gap) => seen.gaps.push({ ...gap.data, before: seen.ids.length });
      options.onState = (state, detail) => {
        seen.states.push(state);
        seen.details.push({ ...detail, at: performance.now() });
      };
      window.following = follow(requestId, options);
      following.closed.catch((error) => (seen.error = { name: error.name, code: error.code, message: error.message }));
    },
    { requestId, functions, options: { url: hub.url, ...plain } },
  );
}

// Until the expression is true in the page, or in the one that it gives way to; timers of the page may stand still meanwhile.
export function untilIn(page, expression) {
  const isNavigating = (error) => /context was destroyed/.test(error.message) || Promise.reject(error);
  return until(async () => (await page.evaluate(expression).catch(isNavigating)) === true, expression, 50);
}

// A token of the hub's own secret with an `exp` so many seconds from now, which may be past.
export function tokenFor(hub, sub, seconds) {
  const secret = readFileSync(join(hub.dir, "state/councilws/secret"), "utf8").trim();
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + seconds;
  const signed = part({ alg: "HS256", typ: "JWT" }) + "." + part({ sub, exp, councilws: { admin: true } });
  return signed + "." + createHmac("sha256", secret).update(signed).digest("base64url");
}
