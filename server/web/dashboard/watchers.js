// watchers: who else looks at this request, and how far each is behind. The hub tells those who may know.
import { el, keyed, setText, show } from "./dom.js";
import * as format from "./format.js";
import { Poller } from "./hub.js";

const EVERY_MS = 4000;
const SHOWN_MAX = 100;
const COLUMNS = ["User", "Subscriber", "Address", "Since", "Heard", "Rejoined", "Acked", "Lag"];

export class Watchers {
  #body = el("tbody");
  #note = el("p", { class: "note" });
  #title = el("h2", {}, "Watchers");
  #poller = null;
  #path;

  constructor(requestId) {
    const head = el("tr", {}, ...COLUMNS.map((name, i) => el("th", { scope: "col", class: i > 2 ? "num" : null }, name)));
    const table = el("table", {}, el("caption", { class: "sr-only" }, "Watchers of this request"), el("thead", {}, head), this.#body);
    this.element = el("section", { class: "panel watchers-panel", "aria-label": "Watchers", hidden: true }, this.#title, el("div", { class: "scroll-x", tabindex: "0", role: "region", "aria-label": "Table of watchers" }, table), this.#note);
    this.#path = `/requests/${encodeURIComponent(requestId)}`;
  }

  close() {
    this.#poller?.close();
  }

  /** Somebody has come or gone; before the first call the hub may not know of the request. */
  refresh() {
    if (this.#poller === null) this.#poller = new Poller(this.#path, EVERY_MS, (answer) => this.#draw(answer), () => {});
    else this.#poller.now();
  }

  #draw(answer) {
    show(this.element, answer.watchers?.length > 0);
    if (!Array.isArray(answer.watchers)) return;
    const worst = [...answer.watchers].sort((a, b) => b.lag - a.lag).slice(0, SHOWN_MAX);
    setText(this.#title, `Watchers (${format.count(answer.watchers.length)})`);
    keyed(this.#body, worst, (w) => w.connection_id, makeRow, fillRow);
    const hidden = answer.watchers.length - worst.length;
    setText(this.#note, hidden > 0 ? `and ${format.count(hidden)} more that are less behind` : "");
  }
}

function makeRow() {
  return el("tr", {}, ...COLUMNS.map((name, i) => el(i === 0 ? "th" : "td", { class: i > 2 ? "num" : null, scope: i === 0 ? "row" : null })));
}

function fillRow(row, w) {
  const ago = (time) => (time === null ? "–" : format.age(Date.now() - Date.parse(time)));
  const texts = [w.user_id ?? "", w.subscriber ?? "", w.address ?? "–", ago(w.connected_at), ago(w.last_heartbeat), String(w.reconnection_count), format.count(w.last_ack), format.count(w.lag)];
  texts.forEach((text, i) => setText(row.children[i], format.inline(text)));
  row.dataset.lags = String(w.lag > 0);
}
