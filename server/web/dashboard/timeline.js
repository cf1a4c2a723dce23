// timeline: the events in order, of which only the rows in sight are in the page. A row opens to show its data.
import { DataView_ } from "./data_view.js";
import { el, setAttr, setText, show } from "./dom.js";
import * as format from "./format.js";
import { VirtualList } from "./virtual.js";

const NARROW_REM = 40;
const CHAR_PX = 5; // or more, nearly always: what is behind the edge is not made

export class Timeline {
  #tape;
  #requestId;
  #open = new Map(); // index of an entry → px of its data
  #openTakenFrom = null; // the list of shown ones that the rows' heights were worked out for
  #current = null; // index of the entry that Tab goes to; null: the last
  #list = el("div", { role: "list", class: "rows", "aria-label": "Events" });
  #scroller;
  #empty = el("p", { class: "note" });
  #toEnd = el("button", { type: "button", class: "to-end", hidden: true, onclick: () => this.#virtual.scrollToEnd() }, "Newest");
  #virtual;
  #charsMax = 0; // of a row's line
  #onChange;
  #sizes = new ResizeObserver((changes) => this.#measured(changes));
  #drawn = { version: -1, count: -1 };

  constructor(tape, requestId, { onChange, head }) {
    this.#tape = tape;
    this.#requestId = requestId;
    this.#onChange = onChange;
    this.#scroller = el("div", { class: "event-list", onkeydown: (e) => this.#onKey(e) }, this.#list);
    this.element = el("section", { class: "panel timeline-panel", "aria-label": "Timeline" }, head, this.#empty, this.#scroller, this.#toEnd);
    this.#virtual = new VirtualList(this.#scroller, this.#list, { make: () => this.#make(), fill: (row, i) => this.#fill(row, i), onChange, rowHeight: (width) => this.#rowHeight(width) });
  }

  close() {
    this.#virtual.close();
    this.#sizes.disconnect();
  }

  /** The filter, or what is kept, is another one. */
  reset() {
    this.#openTakenFrom = null;
    this.#virtual.invalidate();
    this.#onChange();
  }

  draw(sticks) {
    const { shown } = this.#tape;
    if (shown !== this.#openTakenFrom) {
      this.#openTakenFrom = shown;
      this.#virtual.invalidate();
      this.#setHeights();
    }
    if (shown.length < this.#drawn.count) this.#setHeights();
    this.#drawn.count = shown.length;
    this.#virtual.draw(shown.length, { sticks });
    this.#oneTabStop();
    show(this.#toEnd, !this.#virtual.isAtEnd && shown.length > 0);
    show(this.#empty, shown.length === 0);
    setText(this.#empty, this.#tape.length === 0 ? "No event yet. The first one appears here as soon as it is published." : "No event passes the filter up to here.");
  }

  /** Behind all that is drawn: where it has to scroll to. */
  scroll() {
    this.#virtual.scroll();
  }

  #rowHeight(width) {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const isNarrow = width < NARROW_REM * rem;
    this.#scroller.classList.toggle("narrow", isNarrow);
    this.#charsMax = Math.ceil(width / CHAR_PX);
    return Math.round((isNarrow ? 2.9 : 1.75) * rem);
  }

  #setHeights() {
    const { shown } = this.#tape;
    const extras = [];
    for (const [index, px] of this.#open) {
      const place = placeOf(shown, index);
      if (shown[place] === index) extras.push([place, px]);
    }
    this.#virtual.heights.setExtras(extras);
  }

  #measured(changes) {
    for (const { target } of changes) {
      const { entryIndex } = target.closest(".event");
      const { height } = target.getBoundingClientRect();
      if (this.#open.has(entryIndex) && height > 0) this.#open.set(entryIndex, Math.ceil(height));
    }
    this.#setHeights();
    this.#onChange();
  }

  // ---- rows ----

  #make() {
    const row = el("div", { role: "listitem", class: "event" });
    row.time = el("span", { class: "time" });
    row.type = el("span", { class: "type" });
    row.words = el("span", { class: "words" });
    row.button = el("button", { type: "button", class: "line", "aria-expanded": "false", onclick: () => this.#toggle(row.entryIndex) }, row.time, row.type, row.words);
    row.append(row.button);
    row.body = null;
    return row;
  }

  #fill(row, place) {
    const index = this.#tape.shown[place];
    const entry = this.#tape.entries[index];
    const isOpen = this.#open.has(index);
    setAttr(row, "aria-posinset", place + 1);
    setAttr(row, "aria-setsize", this.#tape.shown.length);
    if (row.entry !== entry || row.charsMax !== this.#charsMax) fillLine(row, entry, this.#charsMax);
    row.entry = entry;
    row.charsMax = this.#charsMax;
    row.entryIndex = index;
    setAttr(row.button, "aria-expanded", String(isOpen));
    if (isOpen && row.body?.entry !== entry) this.#addBody(row, entry);
    else if (!isOpen && row.body !== null) this.#dropBody(row);
  }

  #addBody(row, entry) {
    this.#dropBody(row);
    row.body = new DataView_(entry, this.#requestId).element;
    row.body.entry = entry;
    row.append(row.body);
    this.#sizes.observe(row.body);
  }

  #dropBody(row) {
    if (row.body === null) return;
    this.#sizes.unobserve(row.body);
    row.body.remove();
    row.body = null;
  }

  #toggle(index) {
    if (this.#open.has(index)) this.#open.delete(index);
    else this.#open.set(index, 0);
    this.#current = index;
    this.#setHeights();
    this.#virtual.invalidate();
    this.#onChange();
  }

  // ---- keys ----

  #oneTabStop() {
    const { shown } = this.#tape;
    const rows = this.#virtual.rowElements;
    let stop = this.#current === null ? shown.length - 1 : placeOf(shown, this.#current);
    if (!rows.has(stop)) stop = Math.max(...rows.keys());
    for (const [place, row] of rows) setAttr(row.button, "tabindex", place === stop ? "0" : "-1");
  }

  #onKey(event) {
    const row = event.target.closest(".event");
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const isOnLine = event.target === row?.button;
    if (event.key === "Escape" && this.#open.has(row?.entryIndex)) {
      this.#toggle(row.entryIndex);
      row.button.focus();
    } else if (isOnLine) {
      const { shown } = this.#tape;
      const { pageRows } = this.#virtual;
      const place = placeOf(shown, row.entryIndex);
      const moves = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: shown.length - 1, PageDown: place + pageRows, PageUp: place - pageRows };
      if (!(event.key in moves)) return;
      const to = Math.min(shown.length - 1, Math.max(0, moves[event.key]));
      this.#current = shown[to];
      this.#virtual.focusRow(to)?.button.focus({ preventScroll: true });
      this.#oneTabStop();
      event.preventDefault();
    }
  }
}

/** Where the entry, or the next one, stands among the shown ones. */
function placeOf(shown, index) {
  let low = 0;
  let high = shown.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (shown[middle] < index) low = middle + 1;
    else high = middle;
  }
  return low;
}

const GROUPS = { processing_started: "begin", analysis_started: "begin", analysis_complete: "begin", decomposition_complete: "begin", routing_complete: "begin", execution_progress: "work", arbitration_decision: "choice", synthesis_progress: "synthesis", final_response: "end", error: "error", gap: "error" };

function fillLine(row, entry, charsMax) {
  setText(row.time, format.timeOfDay(entry.ms));
  setAttr(row.time, "title", entry.timestamp);
  setText(row.type, entry.type);
  setAttr(row.type, "data-group", GROUPS[entry.type] ?? "other");
  if (entry.kind === "gap") {
    setText(row.words, gapText(entry.data));
    return;
  }
  row.words.replaceChildren(...eventWords(entry.data, charsMax));
}

function eventWords(data, charsMax) {
  return format.eventLine(data, charsMax).flatMap(({ name, value }) => (name === "" ? [el("span", {}, value), " "] : [el("span", { class: "key" }, name + "="), el("span", {}, value), " "]));
}

function gapText({ from, to, reason }) {
  if (reason === "epoch") return "the request was deleted or had expired, and began again";
  return from === to ? `event ${from} has expired` : `events ${from} to ${to} have expired`;
}
