// request: the page of one request: follows it, folds what comes and draws what has changed, a frame at a time and in each only for a while.
import { CouncilError, follow } from "../councilws.js";
import { showConnection } from "./connection.js";
import { Filter, PlayerBar } from "./controls.js";
import { el, setAttr, setText, show } from "./dom.js";
import { BASE, reasonOf } from "./hub.js";
import { parseMessage } from "./json_text.js";
import { Decisions, Response } from "./outcome.js";
import { Pace } from "./pace.js";
import { Player } from "./player.js";
import { RunHead } from "./run_head.js";
import { currentToken, isSignedIn, onSession, refuseToken, tokenWhenThere } from "./session.js";
import { Tape } from "./tape.js";
import { Timeline } from "./timeline.js";
import { Tree } from "./tree.js";
import { Turns, until } from "./turns.js";
import { Watchers } from "./watchers.js";

// Of each frame, so that with the browser's own part of it (styles, layout, paint: about twice as much) it stays a matter of 30 ms.
const FOLD_MS = 4;
const DRAW_MS = 4; // and the piece that is being drawn then
const TICK_MS = 500; // while time goes on without events

export class RequestPage {
  #tape = new Tape();
  #player = new Player();
  #follow = null;
  #usedToken = null;
  #isClosed = false;
  #frame = null;
  #wait = null; // until what has changed may be drawn
  #pace = new Pace();
  #ticker;
  #parts;
  #turns;
  #end = el("p", { class: "end", role: "alert", hidden: true });
  #requestId;
  #state = ["connecting", {}];
  #forget;

  constructor(requestId) {
    this.#requestId = requestId;
    const onChange = () => this.#schedule();
    const filter = new Filter((passes, subtask) => this.#filterChanged(passes, subtask));
    this.#parts = {
      head: new RunHead(requestId),
      bar: new PlayerBar(this.#acts()),
      filter,
      tree: new Tree({ onChange, onChoose: (id) => filter.setSubtask(id) }),
      timeline: new Timeline(this.#tape, requestId, { onChange, head: filter.element }),
      response: new Response(),
      decisions: new Decisions(onChange),
      watchers: new Watchers(requestId),
    };
    const { head, bar, tree, timeline, response, decisions, watchers } = this.#parts;
    this.#turns = new Turns([
      () => timeline.draw(true),
      ({ model, version, nowMs }) => tree.draw(model, version, nowMs),
      ({ model }) => (response.draw(model), decisions.draw(model)),
    ]);
    const side = el("div", { class: "side" }, tree.element, response.element, decisions.element, watchers.element);
    this.element = el("div", { class: "request-page" }, head.element, this.#end, bar.element, el("div", { class: "columns" }, side, timeline.element));
    this.#forget = onSession(() => this.#showState());
    this.#start();
    this.#ticker = setInterval(() => this.#schedule(), TICK_MS);
    this.#schedule();
  }

  close() {
    this.#isClosed = true;
    this.#forget();
    this.#follow?.close();
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#wait);
    clearInterval(this.#ticker);
    for (const part of Object.values(this.#parts)) part.close?.();
  }

  // ---- following ----

  #start() {
    show(this.#end, false);
    this.#follow = follow(this.#requestId, {
      url: BASE,
      parse: parseMessage,
      getToken: ({ refresh }) => this.#getToken(refresh),
      after: this.#position?.after,
      epoch: this.#position?.epoch,
      from: "start",
      subscriber: "dashboard",
      onEvent: (event) => this.#take(() => this.#tape.push(event)),
      onGap: (gap) => this.#take(() => this.#tape.pushGap(gap)),
      onState: (state, detail) => this.#onState(state, detail),
    });
  }
  #position = null;

  #take(push) {
    push();
    this.#goOn();
  }

  // Where one was refused, or is over, the page waits for somebody to sign in.
  async #getToken(isRefresh) {
    if (isRefresh && this.#usedToken === currentToken()) refuseToken(this.#usedToken, reasonOf("token_expired"));
    this.#usedToken = await tokenWhenThere();
    return this.#usedToken;
  }

  #onState(state, detail) {
    if (this.#isClosed) return;
    if (state === "live") this.#parts.watchers.refresh();
    if (state === "closed") this.#onEnd(detail.error);
    else this.#state = [state, detail];
    this.#showState();
    this.#schedule();
  }

  // Nobody being signed in is what matters more.
  #showState() {
    if (isSignedIn()) showConnection(...this.#state);
  }

  #onEnd(error) {
    if (!error) return;
    if (!(error instanceof CouncilError)) throw error;
    this.#position = this.#follow.position;
    this.#state = ["closed", { text: "Not followed" }];
    this.#end.replaceChildren(el("span", {}, endText(error)), el("button", { type: "button", onclick: () => this.#start() }, "Try again"));
    show(this.#end, true);
  }

  // ---- what is seen ----

  #acts() {
    const p = this.#player;
    const now = () => performance.now();
    const then = (act) => (...args) => {
      act(...args);
      this.#schedule();
    };
    return {
      toggle: then(() => (p.mode === "paused" ? p.play(p.position, this.#tape.entries, now()) : p.pauseAt(this.#tape.at))),
      step: then((by) => p.pauseAt(Math.min(this.#tape.length, this.#tape.at + by))),
      scrub: then((to) => p.pauseAt(to)),
      speed: then((speed) => p.setSpeed(speed, this.#tape.entries, now())),
      replay: then(() => p.play(0, this.#tape.entries, now())),
      live: then(() => p.goLive()),
    };
  }

  #filterChanged(passes, subtask) {
    this.#tape.filter(passes);
    this.#parts.tree.choose(subtask);
    this.#parts.timeline.reset();
  }

  #schedule() {
    this.#pace.ask();
    this.#goOn();
  }

  #goOn() {
    if (this.#isClosed) return;
    setAttr(this.element, "aria-busy", "true");
    this.#frame ??= requestAnimationFrame(() => this.#onFrame());
  }

  #onFrame() {
    this.#frame = null;
    const clock = () => performance.now();
    const nowMs = clock();
    this.#player.tick(this.#tape.entries, nowMs);
    const isThere = this.#tape.seek(this.#player.want(this.#tape.length), Date.now(), until(clock, FOLD_MS));
    const isBehind = !isThere || this.#state[0] === "replaying";
    if (this.#pace.begins(this.#tape.version, nowMs, isBehind)) this.#turns.ask();
    const isDrawn = this.#turns.isDone || this.#draw(until(clock, DRAW_MS));
    if (!isThere || !isDrawn || this.#player.mode === "playing") this.#goOn();
    if (this.#frame !== null) return;
    const restMs = this.#pace.restMs(this.#tape.version, clock(), isBehind);
    if (restMs < Infinity) this.#wait ??= setTimeout(() => ((this.#wait = null), this.#goOn()), restMs);
    else setAttr(this.element, "aria-busy", null);
  }

  // True where all of it was drawn.
  #draw(isOver) {
    const { head, bar, filter, tree, timeline } = this.#parts;
    const { model, version } = this.#tape;
    const isLive = this.#player.mode === "live";
    // A moment that stays has no time that goes on.
    const nowMs = isLive ? Date.now() : model.heardMs;
    head.draw(model, isLive ? model.elapsedMs(nowMs) : model.lastMs - model.firstMs, this.#tape.eventCount);
    bar.draw(this.#player, this.#tape.at, this.#tape.entries);
    filter.draw(this.#tape.types);
    const isDrawn = this.#turns.take(isOver, { model, version, nowMs });
    // Last: it makes the browser lay the page out, and once is enough.
    tree.scroll();
    timeline.scroll();
    return isDrawn;
  }
}

function endText(error) {
  if (error.code === 4510) return "This request was deleted.";
  if (error.code === "forbidden" || error.code === 4503) return "Your token may not watch this request.";
  return `It is not followed any more: ${error.message}.`;
}
