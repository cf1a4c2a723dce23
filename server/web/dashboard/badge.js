// badge: a status as a coloured word.
import { el, setAttr, setText } from "./dom.js";

export const badge = () => el("span", { class: "badge" });

export function fillBadge(element, status) {
  setText(element, status);
  setAttr(element, "data-status", status);
}
