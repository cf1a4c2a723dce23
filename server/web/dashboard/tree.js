// tree: the subtasks as a tree with sums per branch, of which only the rows in sight are in the page. Enter or a click narrows the
// timeline to one of them.
import { el, setAttr, setProperty, setText, show } from "./dom.js";
import * as format from "./format.js";
import { secondsOf, treeRows } from "./model.js";
import { VirtualList } from "./virtual.js";

const COLUMNS = ["Subtask", "State", "Agent", "Conf.", "Cost", "Tokens", "Time"];
const CLASSES = ["name", "state", "who", "num conf", "num cost", "num tokens", "num time"];
const NARROW_REM = 34;
const MARKS = { pending: "·", running: "▸", done: "✓", failed: "✗" };

export class Tree {
  #rows = [];
  #closed = new Set();
  #current = 0; // the row that Tab goes to
  #chosen = null;
  #list = el("div", { role: "rowgroup", class: "rows" });
  #grid;
  #note = el("p", { class: "note" });
  #virtual;
  #onChange;
  #onChoose;
  #drawn = { version: -1 };

  constructor({ onChange, onChoose }) {
    this.#onChange = onChange;
    this.#onChoose = onChoose;
    const head = el("div", { role: "rowgroup", class: "head" }, el("div", { role: "row" }, ...COLUMNS.map((name, i) => el("span", { role: "columnheader", class: CLASSES[i] }, name))));
    this.#grid = el("div", { role: "treegrid", "aria-label": "Subtasks", class: "tree", onkeydown: (e) => this.#onKey(e), onclick: (e) => this.#onClick(e) }, head, this.#list);
    this.element = el("section", { class: "panel tree-panel", "aria-label": "Subtasks" }, el("h2", {}, "Subtasks"), this.#grid, this.#note);
    this.#virtual = new VirtualList(this.#grid, this.#list, { make: makeRow, fill: (row, i) => this.#fill(row, i), onChange, rowHeight: (width) => this.#rowHeight(width) });
  }

  close() {
    this.#virtual.close();
  }

  choose(id) {
    this.#chosen = id;
    this.#drawn.version = -1;
    this.#onChange();
  }

  draw(model, version, nowMs) {
    this.#model = model;
    this.#nowMs = nowMs;
    if (this.#drawn.version !== version) {
      this.#drawn.version = version;
      this.#rows = treeRows(model, this.#closed);
      if (this.#current >= this.#rows.length) this.#current = 0;
    }
    this.#virtual.invalidate();
    setAttr(this.#grid, "aria-rowcount", this.#rows.length + 1);
    setProperty(this.#grid, "--rows", this.#rows.length);
    this.#grid.classList.toggle("has-parts", this.#rows.some((r) => r.hasParts));
    this.#grid.classList.toggle("no-confidence", !this.#rows.some((r) => r.node.confidence >= 0));
    this.#virtual.draw(this.#rows.length);
    const hidden = model.counted.size;
    setText(this.#note, this.#rows.length === 0 ? "No subtasks yet." : hidden > 0 ? `and ${format.count(hidden)} more that are only counted` : "");
    show(this.#grid, this.#rows.length > 0);
  }
  #model = null;
  #nowMs = 0;

  /** Behind all that is drawn: where it has to scroll to. */
  scroll() {
    this.#virtual.scroll();
  }

  #rowHeight(width) {
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const isNarrow = width < NARROW_REM * rem;
    this.#grid.classList.toggle("narrow", isNarrow);
    return Math.round((isNarrow ? 3.1 : 1.75) * rem);
  }

  #fill(row, index) {
    const r = this.#rows[index];
    const { node, task } = r;
    row.treeIndex = index;
    setAttr(row, "aria-rowindex", index + 2);
    setAttr(row, "aria-level", r.depth + 1);
    setAttr(row, "aria-posinset", r.place);
    setAttr(row, "aria-setsize", r.siblings);
    setAttr(row, "aria-expanded", r.hasParts ? String(r.isOpen) : null);
    setAttr(row, "aria-selected", String(node.id === this.#chosen));
    setAttr(row, "tabindex", index === this.#current ? "0" : "-1");
    setAttr(row, "data-state", r.state);
    setProperty(row, "--depth", Math.min(r.depth, 12));
    const c = row.parts_;
    setAttr(c.twisty, "data-open", r.hasParts ? String(r.isOpen) : null);
    setText(c.mark, MARKS[r.state]);
    setText(c.id, format.inline(node.id));
    setText(c.what, r.hasParts ? `${r.done}/${r.parts}` : format.inline(node.title ?? node.message ?? ""));
    setAttr(row, "title", node.message === null ? null : format.inline(node.message));
    setText(c.state, r.state === "running" && task?.progress > 0 ? `${Math.round(task.progress)} %` : r.state);
    setText(c.agent, format.inline(task?.agent ?? ""));
    setText(c.model, format.inline(task?.model ?? ""));
    setText(c.conf, node.confidence >= 0 ? format.confidence(node.confidence) : "");
    setText(c.cost, r.cost > 0 ? format.cost(r.cost) : "");
    setText(c.tokens, r.tokens > 0 ? format.short(r.tokens) : "");
    const seconds = secondsOf(r, this.#model, this.#nowMs);
    setText(c.time, seconds >= 0 ? format.span(seconds) : "");
  }

  // ---- keys and clicks ----

  #toggle(index, isOpen) {
    const { node, hasParts } = this.#rows[index];
    if (!hasParts) return;
    if (isOpen) this.#closed.delete(node.id);
    else this.#closed.add(node.id);
    this.#drawn.version = -1;
    this.#onChange();
  }

  #onClick(event) {
    const row = event.target.closest("[role=row]");
    if (row?.treeIndex === undefined) return;
    const r = this.#rows[row.treeIndex];
    this.#current = row.treeIndex;
    if (event.target.classList.contains("twisty") && r.hasParts) this.#toggle(row.treeIndex, !r.isOpen);
    else this.#onChoose(r.node.id === this.#chosen ? null : r.node.id);
  }

  #onKey(event) {
    const index = event.target.treeIndex;
    if (index === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    const r = this.#rows[index];
    const { pageRows } = this.#virtual;
    const last = this.#rows.length - 1;
    const moves = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: last, PageDown: index + pageRows, PageUp: index - pageRows };
    if (event.key in moves) this.#focus(Math.min(last, Math.max(0, moves[event.key])));
    else if (event.key === "ArrowRight" && r.hasParts) r.isOpen ? this.#focus(index + 1) : this.#toggle(index, true);
    else if (event.key === "ArrowLeft" && r.isOpen) this.#toggle(index, false);
    else if (event.key === "ArrowLeft" && r.depth > 0) this.#focus(this.#rows.findLastIndex((other, i) => i < index && other.depth < r.depth));
    else if (event.key === "Enter" || event.key === " ") this.#onChoose(r.node.id === this.#chosen ? null : r.node.id);
    else return;
    event.preventDefault();
  }

  #focus(index) {
    this.#current = index;
    this.#virtual.invalidate();
    this.#virtual.focusRow(index)?.focus({ preventScroll: true });
  }
}

function makeRow() {
  const part = (cls, tag = "span") => el(tag, { class: cls });
  const parts_ = { twisty: part("twisty"), mark: part("mark"), id: part("id"), what: part("what"), state: part(CLASSES[1]), agent: part("agent"), model: part("model"), conf: part(CLASSES[3]), cost: part(CLASSES[4]), tokens: part(CLASSES[5]), time: part(CLASSES[6]) };
  setAttr(parts_.twisty, "aria-hidden", "true");
  setAttr(parts_.mark, "aria-hidden", "true");
  for (const name of ["state", "conf", "cost", "tokens", "time"]) setAttr(parts_[name], "role", "gridcell");
  const name = el("span", { role: "gridcell", class: "name" }, parts_.twisty, parts_.mark, parts_.id, parts_.what);
  const who = el("span", { role: "gridcell", class: "who" }, parts_.agent, parts_.model);
  const row = el("div", { role: "row", class: "row" }, name, parts_.state, who, parts_.conf, parts_.cost, parts_.tokens, parts_.time);
  row.parts_ = parts_;
  return row;
}
