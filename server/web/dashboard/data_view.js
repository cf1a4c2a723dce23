// data_view: what an event holds, as text over several lines; long texts first in part.
import { el, setText, show } from "./dom.js";
import * as format from "./format.js";
import { prettySource } from "./json_text.js";

const CHARS_AT_FIRST = 20_000;

/** Text of any length into a <pre>, with a button for the rest. */
export function longText(pre, button, text) {
  const isLong = text.length > CHARS_AT_FIRST;
  setText(pre, isLong ? text.slice(0, CHARS_AT_FIRST) : text);
  show(button, isLong);
  setText(button, `Show all ${format.count(text.length)} characters`);
  button.onclick = () => {
    setText(pre, text);
    show(button, false);
  };
}

export class DataView_ {
  constructor(entry) {
    const id = entry.message_id === null ? "" : `event ${entry.message_id}, `;
    const text = entry.source === undefined ? JSON.stringify(entry.data, null, 2) : prettySource(entry.source);
    const pre = el("pre", { tabindex: "0", role: "region", "aria-label": `data of ${id}${entry.type}` });
    const more = el("button", { type: "button", class: "small" });
    const copy = el("button", { type: "button", class: "small", onclick: () => navigator.clipboard?.writeText(text).then(() => setText(copy, "Copied")) }, "Copy");
    this.element = el("div", { class: "data" }, el("div", { class: "data-head" }, el("span", {}, `${id}${entry.timestamp}`), copy), pre, more);
    longText(pre, more, format.visible(text));
  }
}
