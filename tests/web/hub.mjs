// hub: a real hub for a test, in a directory of its own, on any port of loopback; and waiting with a deadline.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const BINARY = process.env.COUNCILWS;
const DEADLINE_MS = 30_000;

export const { WebSocket, WebSocketServer } = createRequire(import.meta.url)("ws");
export const { follow, CouncilError } = await import(join(process.env.ROOT, "server/web/client/councilws.js"));

const running = new Set();
process.on("exit", () => running.forEach((hub) => hub.process.kill("SIGKILL"))); // whatever happens to the test

export class Hub {
  constructor(...options) {
    this.dir = mkdtempSync(join(tmpdir(), "councilws-js-"));
    this.options = options;
    this.env = { ...process.env, XDG_STATE_HOME: join(this.dir, "state"), XDG_CONFIG_HOME: join(this.dir, "config") };
    this.port = 0;
  }

  static async start(...options) {
    const hub = new Hub(...options);
    await hub.start();
    return hub;
  }

  // On the port that it had before, if it had one.
  async start() {
    const args = ["serve", "--listen", `127.0.0.1:${this.port}`, "--store", `sqlite:${join(this.dir, "hub.db")}`, ...this.options];
    this.process = spawn(BINARY, args, { env: this.env, stdio: ["ignore", "pipe", "pipe"] });
    running.add(this);
    this.log = "";
    this.process.stderr.on("data", (bytes) => (this.log += bytes));
    this.ended = new Promise((resolve) => this.process.on("exit", resolve));
    this.url = await new Promise((resolve, reject) => {
      this.process.stdout.once("data", (bytes) => resolve(String(bytes).trim()));
      this.process.once("exit", () => reject(new Error("the hub did not start: " + this.log)));
    });
    this.port = Number(new URL(this.url).port);
    this.token ??= this.sign("--sub", "ann", "--admin");
  }

  sign(...args) {
    return execFileSync(BINARY, ["token", ...args], { env: this.env, encoding: "utf8" }).trim();
  }

  async stop(signal = "SIGTERM") {
    this.process.kill(signal);
    await this.ended;
  }

  async remove() {
    await this.stop("SIGKILL");
    running.delete(this);
    rmSync(this.dir, { recursive: true });
  }

  async call(method, path, body, type = "application/json") {
    const headers = { authorization: "Bearer " + this.token, "content-type": type };
    const response = await fetch(this.url + "/api/v1" + path, { method, headers, body });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response.json();
  }

  // n events of type "log" whose data counts on from `first`.
  publish(requestId, n, first = 1) {
    const lines = Array.from({ length: n }, (_, i) => JSON.stringify({ type: "log", data: { n: first + i } }));
    return this.call("POST", `/requests/${requestId}/events`, lines.join("\n"), "application/x-ndjson");
  }

  async acked(requestId, subscriber = "ann") {
    const status = await this.call("GET", `/requests/${requestId}`);
    return status.subscribers.find((s) => s.subscriber === subscriber)?.last_ack ?? 0;
  }
}

// Until the condition, which may be async, holds.
export async function until(condition, what = String(condition), pauseMs = 10) {
  for (const end = Date.now() + DEADLINE_MS; Date.now() < end; ) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  throw new Error("did not come: " + what);
}

export const numbers = (first, last) => Array.from({ length: last - first + 1 }, (_, i) => first + i);

// A follow that keeps what it was told.
export function watch(hub, requestId, options = {}) {
  const seen = { ids: [], events: [], gaps: [], states: [], details: [] };
  seen.follow = follow(requestId, {
    url: hub.url,
    token: options.getToken ? undefined : hub.token,
    WebSocket,
    onEvent: (event) => {
      seen.ids.push(event.message_id);
      seen.events.push(event);
    },
    onGap: (gap) => seen.gaps.push({ ...gap.data, before: seen.ids.length }),
    onState: (state, detail) => {
      seen.states.push(state);
      seen.details.push(detail);
    },
    ...options,
  });
  return seen;
}

// A WebSocket as it is behind a proxy that lets none through.
export class BlockedWebSocket extends EventTarget {
  readyState = 0;
  constructor() {
    super();
    setTimeout(() => {
      this.readyState = 3;
      this.dispatchEvent(new Event("error"));
      this.dispatchEvent(Object.assign(new Event("close"), { code: 1006, reason: "" }));
    }, 1);
  }
  send() {}
  close() {}
}
