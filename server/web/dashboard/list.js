// list: the page of all requests, newest first, asked for again every two seconds.
import { showConnection } from "./connection.js";
import { el, keyed, setAttr, setText, show } from "./dom.js";
import * as format from "./format.js";
import { Poller } from "./hub.js";
import { badge, fillBadge } from "./badge.js";

const EVERY_MS = 2000;
const PAGE = 100;
const ROWS_MAX = 1000; // what the hub gives at once
const STATUSES = ["", "processing", "completed", "failed", "pending"];

const COLUMNS = [
  ["Request", "id"],
  ["Status", "status"],
  ["Stage", "stage"],
  ["Progress", "progress"],
  ["Cost", "cost num"],
  ["Tokens", "tokens num"],
  ["Events", "events num"],
  ["Watchers", "watchers num"],
  ["Age", "age num"],
];

export class ListPage {
  #limit = PAGE;
  #requests = [];
  #more = false;
  #search = el("input", { type: "search", id: "search", placeholder: "Search by id", autocomplete: "off", spellcheck: "false", oninput: () => this.#draw() });
  #status = el("select", { id: "status", onchange: () => this.#changed() }, ...STATUSES.map((s) => el("option", { value: s }, s === "" ? "All" : s)));
  #body = el("tbody");
  #note = el("p", { class: "note", role: "status" });
  #moreButton = el("button", { type: "button", hidden: true, onclick: () => this.#showMore() }, "Show more");
  #poller;
  #ticker;

  constructor() {
    this.element = el(
      "div",
      { class: "list-page" },
      el(
        "div",
        { class: "list-head" },
        el("h1", {}, "Requests"),
        el("form", { class: "tools", role: "search", onsubmit: (e) => this.#open(e) }, el("label", { for: "search", class: "sr-only" }, "Search by id"), this.#search, el("label", { for: "status", class: "sr-only" }, "Status"), this.#status),
      ),
      el(
        "table",
        { class: "requests panel" },
        el("caption", { class: "sr-only" }, "Requests, newest first"),
        el("thead", {}, el("tr", {}, ...COLUMNS.map(([name, cls]) => el("th", { scope: "col", class: cls }, name)))),
        this.#body,
      ),
      this.#note,
      this.#moreButton,
    );
    showConnection("connecting");
    this.#poller = new Poller(
      () => this.#path(),
      EVERY_MS,
      (answer) => this.#take(answer),
      (error, retryInMs) => showConnection(navigator.onLine ? "waiting" : "offline", { reason: error.message, retryInMs }),
    );
    this.#ticker = setInterval(() => this.#draw(), 1000);
  }

  close() {
    this.#poller.close();
    clearInterval(this.#ticker);
  }

  #path() {
    const status = this.#status.value === "" ? "" : `&status=${this.#status.value}`;
    return `/requests?limit=${this.#limit}${status}`;
  }

  #changed() {
    this.#limit = PAGE;
    this.#poller.now();
  }

  #showMore() {
    this.#limit = ROWS_MAX;
    this.#poller.now();
  }

  #take(answer) {
    showConnection("fresh");
    this.#requests = answer.requests;
    this.#more = answer.next_cursor !== null;
    this.#draw();
  }

  // Enter opens the only one that is left, or the one of that very name, listed or not.
  #open(event) {
    event.preventDefault();
    const wanted = this.#search.value.trim();
    const found = this.#found();
    if (wanted !== "") location.hash = hashOf(found.length === 1 ? found[0].request_id : wanted);
  }

  #found() {
    const part = this.#search.value.trim().toLowerCase();
    return part === "" ? this.#requests : this.#requests.filter((r) => r.request_id.toLowerCase().includes(part));
  }

  #draw() {
    const found = this.#found();
    keyed(this.#body, found, (r) => r.request_id, makeRow, fillRow);
    setText(this.#note, this.#noteText(found));
    show(this.#moreButton, this.#more && this.#limit < ROWS_MAX);
  }

  #noteText(found) {
    if (found.length > 0) return this.#more && this.#limit === ROWS_MAX ? `The newest ${ROWS_MAX} are shown. Enter opens one by its whole id.` : "";
    if (this.#search.value.trim() !== "") return "No request here has that in its id. Enter opens one by its whole id.";
    return this.#status.value === "" ? "No requests yet. They appear here as soon as something is published." : `None is ${this.#status.value}.`;
  }
}

const hashOf = (id) => "#/requests/" + encodeURIComponent(id);

function makeRow(request) {
  const cells = COLUMNS.map(([name, cls], i) => el(i === 0 ? "th" : "td", { class: cls, scope: i === 0 ? "row" : null, "data-name": name }));
  const row = el("tr", {}, ...cells);
  row.cells_ = cells;
  cells[0].append(el("a", { href: hashOf(request.request_id) }, request.request_id));
  cells[1].append((row.badge = badge()));
  row.bar = el("progress", { max: "100", "aria-label": `progress of ${request.request_id}` });
  row.percent = el("span", { class: "percent" });
  cells[3].append(row.bar, row.percent);
  return row;
}

function fillRow(row, r) {
  const cells = row.cells_;
  fillBadge(row.badge, r.status);
  setText(cells[2], r.stage ?? "–");
  if (row.bar.value !== r.progress) row.bar.value = r.progress;
  setAttr(row.bar, "data-status", r.status);
  setText(row.percent, `${Math.floor(r.progress)} %`);
  setText(cells[4], format.cost(r.cost));
  setText(cells[5], format.short(r.tokens));
  setText(cells[6], format.count(r.count));
  setText(cells[7], String(r.watcher_count));
  const created = Date.parse(r.created_at);
  setText(cells[8], format.age(Date.now() - created));
  setAttr(cells[8], "title", `began ${format.dateTime(created)}, last event ${format.dateTime(Date.parse(r.updated_at))}`);
}
