// outcome: what a run has come to: the response, and the decisions on the way.
import { longText } from "./data_view.js";
import { el, keyed, setAttr, setText, show } from "./dom.js";
import * as format from "./format.js";

const DECISIONS_SHOWN = 50; // the latest
const MADE_A_DRAW_MAX = 5;

export class Response {
  #pre = el("pre", { class: "response", tabindex: "0", role: "region", "aria-label": "Final response" });
  #more = el("button", { type: "button", class: "small", hidden: true });
  #title = el("h2");
  #text = null;

  constructor() {
    this.element = el("section", { class: "panel response-panel", "aria-label": "Response", hidden: true }, this.#title, this.#pre, this.#more);
  }

  draw(model) {
    const has = model.response !== null && model.hasEnded;
    show(this.element, has);
    setAttr(this.element, "data-status", model.status);
    setText(this.#title, model.status === "failed" ? "It failed" : "Final response");
    if (!has || this.#text === model.response) return;
    this.#text = model.response;
    longText(this.#pre, this.#more, format.visible(model.response));
  }
}

export class Decisions {
  #list = el("ol", { class: "decisions" });
  #note = el("p", { class: "note" });
  #drawn = null;
  #onChange;

  /** onChange: some are still to be drawn. */
  constructor(onChange) {
    this.#onChange = onChange;
    this.element = el("section", { class: "panel decisions-panel", "aria-label": "Arbitration decisions", hidden: true }, el("h2", {}, "Decisions"), this.#note, this.#list);
  }

  draw(model) {
    show(this.element, model.decisionCount > 0);
    const key = `${model.run}/${model.decisionCount}/${model.decisions.at(-1)?.messageId}`;
    if (this.#drawn === key) return;
    const latest = model.decisions.slice(-DECISIONS_SHOWN).reverse();
    setText(this.#note, model.decisionCount > latest.length ? `the latest ${latest.length} of ${format.count(model.decisionCount)}` : "");
    show(this.#note, model.decisionCount > latest.length);
    if (this.#drawLatest(latest)) this.#drawn = key;
    else this.#onChange();
  }

  // Some at a time, the newest first. True where all of them are there.
  #drawLatest(latest) {
    let room = MADE_A_DRAW_MAX;
    const isMade = (decision) => this.#list.keyedChildren?.has(decision.messageId);
    const items = latest.filter((decision) => isMade(decision) || room-- > 0);
    keyed(this.#list, items, (d) => d.messageId, makeDecision, () => {});
    return items.length === latest.length;
  }
}

const textOf = (value) => (value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value, null, 2));

function makeDecision(decision) {
  const { selectedResult, selected, winner, reason, confidence } = decision.data;
  const chosen = textOf(selectedResult ?? selected ?? winner);
  const pre = el("pre", { tabindex: "0", role: "region", "aria-label": "what was selected" });
  const more = el("button", { type: "button", class: "small", hidden: true });
  longText(pre, more, format.visible(chosen));
  const head = el("span", { class: "decision-head" }, el("span", { class: "id" }, format.inline(decision.subtask ?? "decision")));
  if (typeof confidence === "number") head.append(el("span", { class: "num" }, format.confidence(confidence)));
  head.append(el("span", { class: "time" }, format.timeOfDay(decision.ms)));
  const line = chosen === "" ? textOf(reason) : chosen;
  return el(
    "li",
    {},
    el("details", {}, el("summary", {}, head, el("span", { class: "one-line" }, format.inline(line.slice(0, 300)))), el("p", { class: "reason" }, format.visible(textOf(reason))), pre, more),
  );
}
