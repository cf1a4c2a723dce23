// run_head: the head of a request's page: id, status, stages, progress, sums. Says aloud when stage or status change.
import { badge, fillBadge } from "./badge.js";
import { el, setAttr, setText, show } from "./dom.js";
import * as format from "./format.js";
import { STAGES } from "./model.js";

const FACTS = [
  ["elapsed", "Elapsed"],
  ["subtasks", "Subtasks"],
  ["cost", "Cost"],
  ["tokens", "Tokens"],
  ["events", "Events"],
];

export class RunHead {
  #badge = badge();
  #run = el("span", { class: "run-number", hidden: true });
  #stages = STAGES.map((name) => el("li", {}, el("span", { class: "mark", "aria-hidden": "true" }), el("span", {}, name), el("span", { class: "sr-only" })));
  #bar = el("progress", { max: "100", "aria-label": "Progress" });
  #percent = el("span", { class: "percent" });
  #facts = Object.fromEntries(FACTS.map(([key]) => [key, el("dd")]));
  #news = el("p", { class: "sr-only", role: "status" });

  constructor(id) {
    this.element = el(
      "section",
      { class: "run-head", "aria-label": "Request" },
      el("div", { class: "title" }, el("a", { class: "up", href: "#/" }, "Requests"), el("span", { "aria-hidden": "true" }, "/"), el("h1", {}, id), this.#badge, this.#run),
      el("ol", { class: "stages", "aria-label": "Stages" }, ...this.#stages),
      el("div", { class: "progress-line" }, this.#bar, this.#percent, el("dl", { class: "facts" }, ...FACTS.map(([key, name]) => el("div", {}, el("dt", {}, name), this.#facts[key])))),
      this.#news,
    );
  }

  draw(model, elapsedMs, total) {
    fillBadge(this.#badge, model.status);
    show(this.#run, model.run > 1);
    setText(this.#run, `run ${model.run}`);
    this.#drawStages(model);
    if (this.#bar.value !== model.progress) this.#bar.value = model.progress;
    setAttr(this.#bar, "data-status", model.status);
    setText(this.#percent, `${Math.floor(model.progress)} %`);
    this.#drawFacts(model, elapsedMs, total);
    setText(this.#news, model.hasEnded ? model.status : model.stage === null ? "" : `stage: ${model.stage}`);
  }

  #drawStages(model) {
    const now = model.stageIndex;
    const isOver = model.status === "completed";
    STAGES.forEach((name, i) => {
      const state = i < now || (i === now && isOver) ? "done" : i > now ? "next" : model.status === "failed" ? "failed" : "now";
      setAttr(this.#stages[i], "data-state", state);
      setAttr(this.#stages[i], "data-here", i === Math.max(0, now));
      setAttr(this.#stages[i], "aria-current", state === "now" || state === "failed" ? "step" : null);
      setText(this.#stages[i].lastChild, state === "next" ? "" : ` (${state === "now" ? "going on" : state})`);
    });
  }

  #drawFacts(model, elapsedMs, total) {
    const { done, failed } = model.inState;
    setText(this.#facts.elapsed, format.clock(elapsedMs));
    setText(this.#facts.subtasks, `${done}/${model.taskCount}` + (failed > 0 ? `, ${failed} failed` : ""));
    setText(this.#facts.cost, format.cost(model.cost));
    setText(this.#facts.tokens, format.short(model.tokens));
    setAttr(this.#facts.tokens, "title", format.count(model.tokens));
    setText(this.#facts.events, model.count === total ? format.count(total) : `${format.count(model.count)} of ${format.count(total)}`);
  }
}
