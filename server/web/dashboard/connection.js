// connection: says in the page's head how it stands with the hub. What matters is said to screen readers once; a countdown is only seen.
import { setAttr, setText } from "./dom.js";

const TEXTS = {
  connecting: ["wait", "Connecting"],
  replaying: ["wait", "Loading events"],
  live: ["good", "Live"],
  fresh: ["good", "Up to date"],
  waiting: ["bad", "No connection"],
  offline: ["bad", "Offline: it goes on when the network is back"],
  closed: ["bad", "Closed"],
  "signed-out": ["bad", "Signed out"],
};
const BACK_SHOWN_MS = 10_000;

let timer = null;
let lostAt = null;

/** detail: { retryInMs, reason, text, transport } */
export function showConnection(state, detail = {}) {
  const [tone, plain] = TEXTS[state];
  clearInterval(timer);
  let text = detail.text ?? plain;
  if (state === "waiting" && detail.reason) text += `: ${detail.reason}`;
  if (state === "waiting" || state === "offline") lostAt ??= Date.now();
  if (tone === "good" && lostAt !== null) {
    text += `, back after ${Math.max(1, Math.round((Date.now() - lostAt) / 1000))} s`;
    lostAt = null;
    timer = setTimeout(() => showConnection(state, detail), BACK_SHOWN_MS);
  }
  if (state === "live" && detail.transport === "sse") text += " (event stream)";
  if (state === "signed-out" || state === "closed") lostAt = null;
  setAttr(document.getElementById("connection"), "data-tone", tone);
  setText(document.getElementById("connection-text"), text);
  countDown(detail.retryInMs);
}

function countDown(ms) {
  const more = document.getElementById("connection-more");
  setText(more, "");
  if (!(ms > 0)) return;
  const end = Date.now() + ms;
  const tick = () => setText(more, `, again in ${Math.max(0, Math.ceil((end - Date.now()) / 1000))} s`);
  tick();
  timer = setInterval(tick, 1000);
}
