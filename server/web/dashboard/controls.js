// controls: pause, scrub, replay at a speed, and which events the timeline shows.
import { el, keyed, setAttr, setText, show } from "./dom.js";
import * as format from "./format.js";
import { SPEEDS } from "./player.js";

const TYPES_SHOWN = 60;

export class PlayerBar {
  #act;
  #play = el("button", { type: "button", class: "play", onclick: () => this.#act.toggle() });
  #back = el("button", { type: "button", class: "icon", "aria-label": "One event back", onclick: () => this.#act.step(-1) }, "‹");
  #on = el("button", { type: "button", class: "icon", "aria-label": "One event on", onclick: () => this.#act.step(1) }, "›");
  #slider = el("input", { type: "range", min: "0", "aria-label": "Position in the run", oninput: () => this.#act.scrub(Number(this.#slider.value)) });
  #where = el("span", { class: "where" });
  #speed = el("select", { "aria-label": "Speed of the replay", onchange: () => this.#act.speed(Number(this.#speed.value)) }, ...SPEEDS.map((s) => el("option", { value: String(s) }, `${s}×`)));
  #replay = el("button", { type: "button", onclick: () => this.#act.replay() }, "Replay");
  #live = el("button", { type: "button", onclick: () => this.#act.live() }, "Live");

  /** act: { toggle, step, scrub, speed, replay, live } */
  constructor(act) {
    this.#act = act;
    this.#speed.value = "1";
    this.element = el("div", { class: "player", role: "group", "aria-label": "Replay" }, this.#play, this.#back, this.#on, this.#slider, this.#where, this.#replay, this.#speed, this.#live);
  }

  draw(player, at, entries) {
    const { mode } = player;
    const length = entries.length;
    setText(this.#play, mode === "paused" ? "Play" : "Pause");
    setAttr(this.element, "data-mode", mode);
    setAttr(this.#live, "aria-pressed", String(mode === "live"));
    if (this.#slider.max !== String(length)) this.#slider.max = String(length);
    if (this.#slider.value !== String(at)) this.#slider.value = String(at);
    const time = at > 0 ? format.timeOfDay(entries[at - 1].ms) : "";
    setAttr(this.#slider, "aria-valuetext", `event ${at} of ${length} ${time}`);
    setText(this.#where, mode === "live" ? "" : `${format.count(at)} / ${format.count(length)}  ${time}`);
    this.#back.disabled = at === 0;
    this.#on.disabled = at === length;
  }
}

export class Filter {
  #hidden = new Set(); // types that are left out
  #subtask = null;
  #onChange;
  #list = el("ul", { class: "types" });
  #summary = el("summary");
  #details;
  #chip = el("button", { type: "button", class: "chip", hidden: true, onclick: () => this.setSubtask(null) });

  /** onChange(passes or null, subtask) */
  constructor(onChange) {
    this.#onChange = onChange;
    const all = el("button", { type: "button", class: "small", onclick: () => this.#setAll(true) }, "All");
    const none = el("button", { type: "button", class: "small", onclick: () => this.#setAll(false) }, "None");
    this.#details = el("details", { class: "filter", onkeydown: (e) => e.key === "Escape" && this.#close() }, this.#summary, el("div", { class: "filter-body" }, el("div", {}, all, none), this.#list));
    document.addEventListener("click", this.#onOutside);
    this.element = el("div", { class: "timeline-head" }, el("h2", {}, "Timeline"), this.#chip, this.#details);
  }

  close() {
    document.removeEventListener("click", this.#onOutside);
  }

  #onOutside = (event) => {
    if (this.#details.open && !this.#details.contains(event.target)) this.#details.open = false;
  };

  #close() {
    this.#details.open = false;
    this.#summary.focus();
  }

  setSubtask(id) {
    this.#subtask = id;
    this.#changed();
  }

  #setAll(isShown) {
    this.#hidden = new Set(isShown ? [] : this.#known.keys());
    this.#changed();
  }
  #known = new Map();

  #set(type, isShown) {
    if (isShown) this.#hidden.delete(type);
    else this.#hidden.add(type);
    this.#changed();
  }

  #changed() {
    const hidden = new Set(this.#hidden);
    const subtask = this.#subtask;
    const isPlain = hidden.size === 0 && subtask === null;
    this.#onChange(isPlain ? null : (entry) => !hidden.has(entry.type) && (subtask === null || concerns(entry, subtask)), subtask);
  }

  draw(types) {
    this.#known = types;
    const off = [...this.#hidden].filter((type) => types.has(type)).length;
    setText(this.#summary, off === 0 ? "All types" : `${types.size - off} of ${types.size} types`);
    show(this.#chip, this.#subtask !== null);
    setText(this.#chip, `${format.inline(this.#subtask ?? "")} ×`);
    setAttr(this.#chip, "aria-label", `Only ${this.#subtask}: show all subtasks again`);
    if (!this.#details.open) return;
    const most = [...types].sort((a, b) => b[1] - a[1]).slice(0, TYPES_SHOWN);
    keyed(this.#list, most, ([type]) => type, ([type]) => this.#makeType(type), (item, [type, n]) => {
      item.box.checked = !this.#hidden.has(type);
      setText(item.count, format.count(n));
    });
  }

  #makeType(type) {
    const box = el("input", { type: "checkbox", onchange: () => this.#set(type, box.checked) });
    const count = el("span", { class: "num" });
    return Object.assign(el("li", {}, el("label", {}, box, el("span", { class: "type-name" }, type), count)), { box, count });
  }
}

// Of the subtask itself, or naming it in a list.
function concerns(entry, subtask) {
  if (entry.subtask === subtask) return true;
  const list = entry.type === "routing_complete" ? entry.data?.assignments : entry.type === "decomposition_complete" ? entry.data?.subtasks : null;
  return Array.isArray(list) && list.some((item) => String(item?.subtaskId ?? item?.subtask_id ?? item?.id) === subtask);
}
