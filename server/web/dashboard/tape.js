// tape: the events that have come, and the picture (model) after as many of them as one wants to see. Going back is folding
// again from the last mark, in slices, so that no step takes long. Pure.
import { Model, subtaskOf } from "./model.js";

const MARK_EVERY = 2000; // events between two kept models
const FOLDED_AT_ONCE = 50; // entries, before one looks whether the time is over: about half a millisecond
const never = () => false;

export class Tape {
  entries = []; // { kind: "event" | "gap", message_id, type, timestamp, ms, data, subtask }
  types = new Map(); // type → how many have come
  model = new Model(); // after the first `at` entries
  at = 0;
  shown = []; // those of the first `at` that pass the filter, as indices
  version = 0; // changes with whatever can be seen
  #marks = []; // { at, model }
  #filter = null;

  get length() {
    return this.entries.length;
  }
  get eventCount() {
    return this.entries.length - (this.types.get("gap") ?? 0);
  }

  push(event) {
    this.#add({ kind: "event", ...event, ms: timeOf(event.timestamp, this.entries.at(-1)), subtask: subtaskOf(event.data) });
  }

  /** What is gone, in its place. The events of another epoch begin at 1 again: what was before is another story. */
  pushGap(gap) {
    if (gap.data.reason === "epoch") this.#forget();
    this.#add({ kind: "gap", type: "gap", timestamp: gap.timestamp, message_id: null, ms: timeOf(gap.timestamp, this.entries.at(-1)), data: gap.data, subtask: null });
  }

  /** Which entries are shown: a function of an entry, or null for all. */
  filter(passes) {
    this.#filter = passes;
    this.shown = [];
    for (let i = 0; i < this.at; i++) this.#show(i);
    this.version++;
  }

  /** Moves towards `want`, until isOver() says that it has taken long enough for now. True once it is there. */
  seek(want, nowMs, isOver = never) {
    want = Math.min(Math.max(0, want), this.entries.length);
    if (want < this.at) this.#goBack(want);
    while (this.at < want) {
      const end = Math.min(want, this.at + FOLDED_AT_ONCE);
      while (this.at < end) this.#step(nowMs);
      if (isOver()) break;
    }
    return this.at === want;
  }

  #add(entry) {
    this.entries.push(entry);
    this.types.set(entry.type, (this.types.get(entry.type) ?? 0) + 1);
    this.version++;
  }

  #forget() {
    this.entries = [];
    this.types.clear();
    this.shown = [];
    this.#marks = [];
    this.model = new Model();
    this.at = 0;
  }

  #step(nowMs) {
    const entry = this.entries[this.at];
    if (entry.kind === "event") this.model.fold(entry, nowMs);
    this.#show(this.at);
    this.at++;
    this.version++;
    if (this.at % MARK_EVERY === 0 && this.at / MARK_EVERY > this.#marks.length) this.#marks.push({ at: this.at, model: this.model.copy() });
  }

  #goBack(want) {
    const mark = this.#marks[Math.floor(want / MARK_EVERY) - 1];
    this.model = mark?.model.copy() ?? new Model();
    this.at = mark?.at ?? 0;
    while (this.shown.length > 0 && this.shown.at(-1) >= this.at) this.shown.pop();
    this.version++;
  }

  #show(index) {
    if (this.#filter === null || this.#filter(this.entries[index])) this.shown.push(index);
  }
}

// What has no time that can be read happened when the one before it did.
function timeOf(timestamp, before) {
  const ms = Date.parse(timestamp);
  return Number.isFinite(ms) ? ms : (before?.ms ?? 0);
}
