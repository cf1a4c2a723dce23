// councilws.js: follows the requests of a councilws hub, in a page or in Node. No dependencies.
//
//   for await (const event of follow("build-42", { token })) show(event);
//
// A follow outlives connections: it comes back by itself, behind the last event that it has, and hands over each event once, in order.
// The types and the options are told in councilws.d.ts, what goes over the wire in the hub's docs/protocol.md.

const BACKOFF_FIRST_MS = 500; // full jitter below 0.5 s, 1 s, 2 s …
const BACKOFF_MAX_MS = 30_000;
const CONNECT_TIMEOUT_MS = 20_000;
const SILENCE_SLACK_MS = 10_000; // beyond two heartbeats, which come every interval, give or take 5 s; beyond one after a sleep
const SLEEP_MS = 5_000; // a timer that comes so late: the machine slept, or the page stood still
const ACK_EVERY_MS = 100; // while events keep coming; at once when there is no other
const QUEUE_MAX = 5000; // events that wait for the handler; then the connection is given up until they are done
const WS_REFUSALS_MAX = 2; // WebSockets that did not open while HTTP worked; then event streams are used
const TOKEN_SLACK_MS = 5_000; // a token that ends so soon is not tried

/** Why a follow has ended for good. `code` is a close code (4510) or an error's name ("forbidden"). */
export class CouncilError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "CouncilError";
    this.code = code;
  }
}

export function follow(requestId, options = {}) {
  return new Follow(requestId, options);
}

// What is known of a connection that is over. heard: the hub's hello came. status: of an HTTP refusal, 0 for no answer at all.
const outcome = (parts) => ({ heard: false, opened: false, bye: null, code: 0, status: 0, error: null, retryAfterMs: 0, ...parts });

export class Follow {
  #requestId;
  #options;
  #base; // URL of the hub, without a slash at the end
  #state = "new";
  #closed;
  #settle;
  #unlisten = [];

  #token = null;
  #mustRefresh = false;
  #refusedTokens = 0;
  #wsRefusals = 0;
  #failures = 0; // attempts since the last hello
  #link = null; // the connection there is: { send, drop }
  #isReady = false; // its hello has come
  #isSuspended = false; // the page is in the back-forward cache
  #endWait = null;

  #epoch; // of the positions
  #received; // the newest id that was queued; undefined until the hub has said where it starts
  #handled = 0; // everything up to there needs no handler any more
  #toAck = 0; // the newest id whose handler has returned
  #sentAck = 0; // on this connection
  #ackTimer = null;
  #ackedAt = 0;
  #heardAt = 0;

  #queue = []; // { message, epoch }
  #isPumping = false;
  #isOverfull = false;
  #onItem = null; // an iterator that waits
  #onRoom = null; // the loop that waits for the queue

  constructor(requestId, options) {
    if (typeof requestId !== "string" || requestId === "") throw new TypeError("requestId: a string is needed");
    if (!options.token && !options.getToken) throw new TypeError("give token or getToken");
    this.#requestId = requestId;
    this.#options = options;
    this.#base = String(options.url ?? globalThis.location?.origin ?? "").replace(/^ws/, "http").replace(/\/+$/, "");
    if (this.#base === "") throw new TypeError("url: needed outside of a page");
    this.#epoch = options.epoch;
    this.#received = options.after;
    this.#handled = options.after ?? 0;
    this.#closed = new Promise((resolve, reject) => (this.#settle = { resolve, reject }));
    this.#closed.catch(() => {}); // who does not ask is not told
    this.#listen();
    queueMicrotask(() => this.#run());
  }

  get requestId() {
    return this.#requestId;
  }
  /** connecting, replaying, live, waiting, offline, closed */
  get state() {
    return this.#state;
  }
  /** Where to go on another time: give it as `after` and `epoch`. */
  get position() {
    return { after: this.#handled, epoch: this.#epoch };
  }
  /** Resolves once it was closed by close() or the signal, rejects with why it ended otherwise. */
  get closed() {
    return this.#closed;
  }

  close() {
    this.#end(null);
  }

  // ---- handing over ----

  async *[Symbol.asyncIterator]() {
    try {
      for (;;) {
        const item = await this.#nextItem();
        if (item === null) return;
        if (this.#isForOnGap(item)) await this.#options.onGap(item.message, this);
        else yield item.message;
        this.#done(item); // the loop's body is over
      }
    } finally {
      this.close();
    }
  }

  async #nextItem() {
    while (this.#queue.length === 0) {
      if (this.#state === "closed") {
        await this.#closed; // throws where it has failed
        return null;
      }
      await new Promise((resolve) => (this.#onItem = resolve));
    }
    return this.#queue[0];
  }

  #isForOnGap(item) {
    return item.message.type === "gap" && this.#options.onGap !== undefined;
  }

  #enqueue(message) {
    this.#queue.push({ message, epoch: this.#epoch });
    if (this.#queue.length >= QUEUE_MAX && this.#link) {
      this.#isOverfull = true;
      this.#link.drop("too much waits for the handler");
    }
    this.#onItem?.();
    if (this.#options.onEvent) this.#pump();
  }

  async #pump() {
    if (this.#isPumping) return;
    this.#isPumping = true;
    try {
      while (this.#queue.length > 0 && this.#state !== "closed") {
        const item = this.#queue[0];
        await (this.#isForOnGap(item) ? this.#options.onGap : this.#options.onEvent)(item.message, this);
        this.#done(item);
      }
    } catch (error) {
      this.#end(error); // what failed is not acknowledged
    } finally {
      this.#isPumping = false;
    }
  }

  // Handled, so it may be acknowledged: it, or what a gap has skipped.
  #done(item) {
    if (this.#queue[0] !== item) return; // closed meanwhile
    this.#queue.shift();
    if (this.#queue.length === 0) this.#onRoom?.();
    if (item.epoch !== this.#epoch) return; // of a stream that is no more
    const { message } = item;
    const id = message.type === "gap" ? (message.data.to ?? 0) : message.message_id;
    if (id > this.#handled) this.#handled = id;
    this.#toAck = this.#handled;
    this.#ackSoon();
  }

  #ackSoon() {
    if (this.#options.ack === false) return;
    const waitMs = this.#ackedAt + ACK_EVERY_MS - Date.now(); // each event may be the only one in the queue, thousands a second
    if (this.#queue.length === 0 && waitMs <= 0) this.#sendAck();
    else this.#ackTimer ??= setTimeout(() => this.#sendAck(), ACK_EVERY_MS);
  }

  #sendAck() {
    clearTimeout(this.#ackTimer);
    this.#ackTimer = null;
    if (!this.#isReady || this.#options.ack === false || this.#toAck <= this.#sentAck) return;
    if (!this.#link?.send?.({ type: "ack", message_id: this.#toAck })) return;
    this.#sentAck = this.#toAck;
    this.#ackedAt = Date.now();
  }

  // ---- what the hub says ----

  // Something came over the link, be it a heartbeat.
  #heard() {
    this.#heardAt = Date.now();
    if (this.#state === "offline") this.#setState(this.#link.isLive ? "live" : "replaying"); // there is a network, whatever the browser says
  }

  #receive(message) {
    this.#heard();
    switch (message.type) {
      case "connection_established":
        return this.#takeHello(message.data);
      case "heartbeat":
        return void this.#link?.send?.({ type: "heartbeat_response" });
      case "gap":
        return this.#takeGap(message);
      case "replay_complete":
        this.#link.isLive = true;
        return this.#setState("live");
      case "bye":
        return void (this.#link.bye = message.data);
      case "published":
      case "protocol_error":
        return;
      default:
        if (Number.isInteger(message.message_id)) this.#takeEvent(message); // else of a newer hub
    }
  }

  #takeHello(hello) {
    if (hello.watch === false) return this.#end(new CouncilError("forbidden", `this token may not watch '${this.#requestId}'`));
    this.#isReady = true;
    this.#failures = this.#refusedTokens = 0;
    this.#sentAck = 0;
    this.#link.silenceMs = (hello.heartbeat_interval || 0) * 2000;
    if (this.#epoch === undefined || this.#received === undefined) {
      this.#epoch = hello.epoch;
      this.#received = hello.resume_from;
      this.#handled = Math.max(this.#handled, hello.resume_from);
    }
    if (hello.resume_from === this.#received) this.#epoch = hello.epoch; // at 0 any will do; else a gap tells of another
    this.#setState("replaying");
    if (this.#epoch === hello.epoch) this.#sendAck(); // what was handled while there was no connection
  }

  #takeGap(message) {
    const { reason, epoch, from, to } = message.data;
    if (reason === "epoch") {
      this.#epoch = epoch;
      this.#received = this.#handled = this.#toAck = this.#sentAck = 0;
    } else if (to > this.#received) {
      this.#received = to;
    }
    if (Number.isInteger(to) && to < from) return; // another epoch, before there was an event
    this.#enqueue(message); // in its place among the events
  }

  #takeEvent(event) {
    if (event.message_id <= this.#received) return; // it came before
    if (event.message_id !== this.#received + 1) return this.#link.drop(`event ${event.message_id} came after ${this.#received}`);
    this.#received = event.message_id;
    this.#enqueue(event);
  }

  // ---- the loop of connections ----

  async #run() {
    while (this.#state !== "closed") {
      try {
        await this.#room();
        await this.#shown();
        if (this.#state === "closed") return;
        this.#setState("connecting");
        const token = await this.#getToken();
        if (this.#state === "closed") return;
        const over = await this.#attempt(token);
        if (this.#state === "closed") return;
        const delay = this.#judge(over);
        if (delay > 0) await this.#wait(delay, over);
      } catch (error) {
        this.#end(error);
      }
    }
  }

  async #attempt(token) {
    if (!this.#usesWebSocket()) {
      const over = await this.#openEventStream();
      if (!over.opened) this.#wsRefusals = 0; // only one that works shows that it was the WebSocket
      return over;
    }
    const over = await this.#openWebSocket(token);
    if (over.opened) this.#wsRefusals = 0;
    if (over.opened || over.isDropped) return over;
    const probe = await this.#probe(token); // a page is not told why a WebSocket did not open
    if (!probe.opened) return probe;
    this.#wsRefusals++;
    return outcome({ code: over.code, isBlocked: true });
  }

  #usesWebSocket() {
    const transport = this.#options.transport ?? "auto";
    if (transport !== "auto") return transport === "websocket";
    return this.#webSocket() !== undefined && this.#wsRefusals < WS_REFUSALS_MAX;
  }

  #webSocket() {
    return this.#options.WebSocket ?? globalThis.WebSocket;
  }

  // How long to wait before the next attempt. Throws where there is to be none.
  #judge(over) {
    const { bye, status, error } = over;
    const code = bye?.code ?? over.code;
    if (over.isDropped) return this.#isOverfull || this.#isSuspended || over.isPrompt ? 0 : this.#backoff();
    if (code === 4005 || status === 401) return this.#judgeToken(error);
    if (bye?.reconnect === false || (code >= 4500 && code < 5000)) throw new CouncilError(code, bye?.reason || over.reason || "ended by the hub");
    if (error?.temporary === false) throw new CouncilError(error.code, error.message);
    if (over.isBlocked && this.#options.transport !== "websocket") return 1; // again, then another way
    if (bye?.retry_after_ms > 0) return bye.retry_after_ms; // the hub has spread them
    const backoff = this.#backoff();
    return over.retryAfterMs > 0 ? over.retryAfterMs + backoff : backoff;
  }

  #judgeToken(error) {
    if (!this.#options.getToken) throw new CouncilError(error?.code ?? "token_expired", error?.message ?? "the token has expired");
    if (++this.#refusedTokens > 2) throw new CouncilError(error?.code ?? "bad_token", error?.message ?? "the hub takes none of the tokens");
    this.#mustRefresh = true;
    return this.#refusedTokens > 1 ? this.#backoff() : 0;
  }

  #backoff() {
    const limit = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** this.#failures++);
    return Math.max(1, Math.floor(Math.random() * limit));
  }

  #wait(ms, over) {
    const reason = over?.bye?.reason || over?.error?.message || over?.reason;
    this.#setState(globalThis.navigator?.onLine === false ? "offline" : "waiting", { retryInMs: ms, reason });
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#endWait = () => {
        clearTimeout(timer);
        resolve();
      };
    }).finally(() => (this.#endWait = null));
  }

  async #room() {
    if (this.#isOverfull && this.#queue.length > 0) await new Promise((resolve) => (this.#onRoom = resolve));
    this.#isOverfull = false;
    this.#onRoom = null;
  }

  async #shown() {
    while (this.#isSuspended && this.#state !== "closed") await this.#wait(2 ** 31 - 1, null);
  }

  // ---- tokens ----

  async #getToken() {
    const { token, getToken } = this.#options;
    if (!getToken) return token;
    const isFirst = this.#token === null;
    if (isFirst && token && !isOver(token)) this.#token = token;
    else if (isFirst || this.#mustRefresh || isOver(this.#token)) this.#token = await this.#askForToken(getToken, isFirst);
    this.#mustRefresh = false;
    return this.#token;
  }

  // Where it comes from may be down, too.
  async #askForToken(getToken, isFirst) {
    for (;;) {
      try {
        const token = await getToken({ refresh: !isFirst });
        if (typeof token !== "string" || token === "") throw new TypeError("getToken gave no token");
        return token;
      } catch (error) {
        await this.#wait(this.#backoff(), { reason: String(error?.message ?? error) });
        if (this.#state === "closed") return "";
        this.#setState("connecting");
      }
    }
  }

  // ---- connections ----

  #place(isEventStream) {
    const query = new URLSearchParams();
    if (this.#received !== undefined) {
      query.set("after", String(this.#received));
      if (this.#epoch !== undefined) query.set("epoch", this.#epoch);
    } else if (this.#options.from ?? isEventStream) {
      query.set("from", this.#options.from ?? "acked");
    }
    if (this.#options.subscriber) query.set("subscriber", this.#options.subscriber);
    const text = String(query);
    return text !== "" ? "?" + text : "";
  }

  // One connection: `over` is a promise of its outcome; drop() ends it now, whatever the network says.
  #newLink(parts) {
    const link = { send: null, bye: null, silenceMs: 0, hasOpened: false, isLive: false, cut: () => {}, ...parts };
    let watch = null;
    link.over = new Promise((resolve) => {
      link.finish = (what) => {
        if (this.#link !== link) return;
        clearInterval(watch);
        clearTimeout(connecting);
        resolve(outcome({ ...what, heard: this.#isReady, opened: link.hasOpened, bye: link.bye }));
        this.#link = null;
        this.#isReady = false;
        link.cut();
      };
    });
    link.drop = (reason, isPrompt = false) => link.finish({ isDropped: true, isPrompt, reason });
    link.opened = () => {
      link.hasOpened = true;
    };
    const connecting = setTimeout(() => this.#isReady || link.finish({ reason: "no answer" }), CONNECT_TIMEOUT_MS);
    let due = Date.now() + 1000;
    watch = setInterval(() => {
      const late = Date.now() - due;
      due = Date.now() + 1000;
      this.#checkSilence(late > SLEEP_MS);
    }, 1000);
    this.#link = link;
    this.#heardAt = Date.now();
    return link;
  }

  // A connection seldom outlives a sleep, so less silence is enough then, and no time is lost.
  #checkSilence(hasSlept) {
    const link = this.#link;
    if (!(link?.silenceMs > 0)) return;
    const limitMs = (hasSlept ? link.silenceMs / 2 : link.silenceMs) + Math.min(link.silenceMs, SILENCE_SLACK_MS);
    if (Date.now() - this.#heardAt > limitMs) link.drop("the hub is silent", hasSlept);
  }

  #take(link, text) {
    if (this.#link !== link) return;
    let message;
    try {
      message = (this.#options.parse ?? JSON.parse)(text);
    } catch (error) {
      if (this.#options.parse) this.#end(error);
      else link.drop("the hub sent what is no JSON");
      return;
    }
    this.#receive(message);
  }

  async #openWebSocket(token) {
    const link = this.#newLink({ transport: "websocket" });
    const WebSocketClass = this.#webSocket();
    const url = this.#base.replace(/^http/, "ws") + "/api/v1/ws/" + encodeURIComponent(this.#requestId) + this.#place(false);
    let socket;
    try {
      if (!WebSocketClass) throw new TypeError("there is no WebSocket here; give one as an option");
      socket = new WebSocketClass(url, ["councilws.v1", "bearer." + token]);
    } catch (error) {
      link.finish({ reason: error.message });
      return link.over;
    }
    link.send = (message) => {
      if (socket.readyState !== 1) return false;
      socket.send(JSON.stringify(message));
      return true;
    };
    link.cut = () => socket.close(1000);
    socket.addEventListener("open", link.opened);
    socket.addEventListener("message", (m) => this.#take(link, m.data));
    socket.addEventListener("error", () => {}); // a close follows
    socket.addEventListener("close", (e) => link.finish({ code: e.code, reason: e.reason }));
    return link.over;
  }

  #fetch(path, accept, signal) {
    const fetchIt = this.#options.fetch ?? globalThis.fetch;
    const headers = { Accept: accept, Authorization: "Bearer " + (this.#token ?? this.#options.token) };
    return fetchIt(this.#base + "/api/v1/requests/" + encodeURIComponent(this.#requestId) + path, { headers, signal, cache: "no-store" });
  }

  async #openEventStream() {
    const abort = new AbortController();
    const link = this.#newLink({ transport: "sse", cut: () => abort.abort() });
    this.#readEventStream(link, abort.signal).catch((error) => link.finish({ reason: this.#reasonOf(error) }));
    return link.over;
  }

  async #readEventStream(link, signal) {
    const response = await this.#fetch("/events" + this.#place(true), "text/event-stream", signal);
    const isStream = response.ok && (response.headers.get("content-type") ?? "").startsWith("text/event-stream");
    if (!isStream) return link.finish(await refusalOf(response));
    link.opened();
    const parse = eventStreamParser((data) => this.#take(link, data), () => this.#link === link && this.#heard());
    const decoder = new TextDecoder();
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      parse(decoder.decode(value, { stream: true }));
    }
    link.finish({ reason: "the stream has ended" });
  }

  // Whether HTTP works, and this token, where a WebSocket did not open: `opened` stands for yes.
  async #probe() {
    const abort = new AbortController();
    const timer = setTimeout(() => abort.abort(), CONNECT_TIMEOUT_MS);
    try {
      const response = await this.#fetch("", "application/json", abort.signal);
      const refusal = await refusalOf(response);
      const works = response.ok || refusal.error?.code === "unknown_request"; // it may begin later
      return outcome(works ? { opened: true } : refusal);
    } catch (error) {
      return outcome({ reason: this.#reasonOf(error) });
    } finally {
      clearTimeout(timer);
    }
  }

  // Of a fetch that failed. Each browser has words of its own for it, and none tells a page whether its origin was refused.
  #reasonOf(error) {
    if (error?.name !== "TypeError") return String(error?.message ?? error);
    const origin = globalThis.location?.origin;
    const isOwn = origin === undefined || origin === new URL(this.#base).origin;
    return "the hub cannot be reached" + (isOwn ? "" : ", or does not allow pages of " + origin);
  }

  // ---- the page ----

  #listen() {
    const on = (target, type, fn) => {
      target?.addEventListener?.(type, fn);
      this.#unlisten.push(() => target?.removeEventListener?.(type, fn));
    };
    const { signal } = this.#options;
    if (signal?.aborted) queueMicrotask(() => this.close());
    on(signal, "abort", () => this.close());
    const page = globalThis.document ? globalThis : undefined;
    on(page, "online", () => this.#backOnline());
    on(page, "offline", () => (this.#endWait || this.#isReady) && this.#setState("offline"));
    on(globalThis.document, "visibilitychange", () => (globalThis.document.hidden ? this.#sendAck() : this.#lookNow()));
    on(page, "pagehide", () => this.#suspend());
    on(page, "pageshow", () => this.#resume());
  }

  // Nothing was heard since the network went: what there was went with it.
  #backOnline() {
    if (this.#state === "offline") this.#link?.drop("the network is back", true);
    this.#lookNow();
  }

  // Somebody looks at the page: what is dead is found now, what waits need not.
  #lookNow() {
    this.#checkSilence(false);
    if (!this.#isSuspended) this.#endWait?.();
  }

  // A page that keeps a connection is not kept in the back-forward cache.
  #suspend() {
    this.#sendAck();
    this.#isSuspended = true;
    this.#link?.drop("the page is hidden");
  }

  #resume() {
    this.#isSuspended = false;
    this.#endWait?.();
  }

  // ---- state ----

  #setState(state, detail = {}) {
    if (this.#state === "closed" || (this.#state === state && !detail.retryInMs)) return;
    this.#state = state;
    this.#options.onState?.(state, { transport: this.#link?.transport, ...detail });
  }

  #end(error) {
    if (this.#state === "closed") return;
    this.#sendAck();
    this.#setState("closed", error ? { error } : {});
    for (const fn of this.#unlisten) fn();
    this.#queue.length = 0;
    this.#link?.drop("closed");
    this.#endWait?.();
    this.#onRoom?.();
    if (error) this.#settle.reject(error);
    else this.#settle.resolve();
    this.#onItem?.();
  }
}

// Whether a JWT says that it is over, or about to be. What cannot be read is the hub's to judge.
function isOver(token) {
  try {
    const payload = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    return JSON.parse(atob(payload)).exp * 1000 < Date.now() + TOKEN_SLACK_MS;
  } catch {
    return false;
  }
}

async function refusalOf(response) {
  const body = await response.json().catch(() => null);
  const retryAfterMs = Number(response.headers.get("retry-after")) * 1000 || 0;
  return { status: response.status, error: body?.error ?? null, retryAfterMs, reason: `HTTP status ${response.status}` };
}

// WHATWG HTML, 9.2.6, as far as the hub uses it: lines end with LF, a message is one line of data.
function eventStreamParser(onData, onAnything) {
  let rest = "";
  return (text) => {
    onAnything();
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    for (const line of lines) if (line.startsWith("data: ")) onData(line.slice(6));
  };
}
