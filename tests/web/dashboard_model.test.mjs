// The dashboard's picture of a run (model.js) says what the hub's summary says of the same events: after each event of a run, after events
// that mean to mislead, and after runs drawn at random. And what only the picture shows: the tree, its sums, times, decisions.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Hub } from "./hub.mjs";

const { Model, treeRows, secondsOf } = await import(join(process.env.ROOT, "server/web/dashboard/model.js"));
const COUNCIL = readFileSync(join(process.env.ROOT, "docs/examples/council-run.ndjson"), "utf8").trim().split("\n").map((line) => JSON.parse(line));

let hub;
before(async () => (hub = await Hub.start("--durability", "normal")));
after(() => hub.remove());

const with_ids = (events) => events.map((event, i) => ({ ...event, message_id: i + 1, ms: Date.parse(event.timestamp) }));

function folded(events) {
  const model = new Model();
  for (const event of with_ids(events)) model.fold(event, 0);
  return model;
}

// As the hub writes it: the status, its sums with so many digits.
function summaryOf(model) {
  const items = [...model.tasks.values()].map((t) => ({
    id: t.id,
    status: t.state,
    ...(t.model === null ? {} : { model: t.model }),
    ...(t.agent === null ? {} : { agent: t.agent }),
    cost: Number(t.cost.toPrecision(10)),
    tokens: t.tokens,
  }));
  return {
    status: model.status,
    stage: model.stage,
    progress: Number(model.progress.toPrecision(4)),
    cost: Number(model.cost.toPrecision(10)),
    tokens: model.tokens,
    count: model.count,
    subtasks: { total: model.taskCount, done: model.inState.done, running: model.inState.running, failed: model.inState.failed, items },
  };
}

async function summaryOfHub(id) {
  const { status, stage, progress, cost, tokens, count, subtasks } = await hub.call("GET", `/requests/${id}`);
  return { status, stage, progress, cost, tokens, count, subtasks };
}

const publish = (id, events) => hub.call("POST", `/requests/${id}/events`, events.map((e) => JSON.stringify(e)).join("\n"), "application/x-ndjson");

// Publishes `size` events at a time and compares after each of them.
async function compare(id, events, size = 1) {
  const model = new Model();
  const all = with_ids(events);
  for (let i = 0; i < all.length; i += size) {
    await publish(id, events.slice(i, i + size));
    for (const event of all.slice(i, i + size)) model.fold(event, 0);
    assert.deepEqual(summaryOf(model), await summaryOfHub(id), `after event ${Math.min(all.length, i + size)}, ${JSON.stringify(events[Math.min(all.length, i + size) - 1])}`);
  }
  return model;
}

test("after each event of a council's run it says what the hub says", async () => {
  const model = await compare("council", COUNCIL);
  assert.equal(model.status, "completed");
  assert.equal(model.progress, 100);
});

test("what is of the wrong type, negative, too large or misnamed says nothing, as for the hub", async () => {
  const task = (data) => ({ type: "execution_progress", data: { subtaskId: "a", ...data } });
  await compare("odd", [
    { type: "log", data: [1, 2] },
    { type: "log", data: "text" },
    { type: "log", data: null },
    { type: "log", data: { cost: "0.5", tokens: -3, progress: "50", stage: "nowhere", subtaskId: "" } },
    { type: "log", data: { cost: 9007199254740994, tokens: { a: 9007199254740994, b: 1 } } },
    { type: "log", data: { tokens: { total: 7, prompt: 100 } } },
    { type: "log", data: { tokens: { total_tokens: -1, total: 2, x: 5 } } },
    { type: "log", data: { tokens: { prompt: 1.5, completion: 2.25, note: "no" } } },
    { type: "log", data: { tokens: {} } },
    { type: "log", data: { tokens: [3] } },
    { type: "log", data: { stage: "synthesis" } },
    { type: "log", data: { stage: "analysis", __proto__: null, constructor: 1, toString: 2 } },
    task({ status: "IN_PROGRESS" }),
    task({ status: 5, model: "", modelId: "m", agent: 3, assistant: "x" }),
    task({ status: "queued", progress: 250 }),
    task({ progress: -10 }),
    task({ subtaskId: 17, subtask_id: "seventeen" }),
    task({ subtaskId: "ü".repeat(100), agent: "😬".repeat(40) }),
    task({ subtaskId: "x".repeat(128) + "y" }),
    { type: "error", data: { subtaskId: "a", retrying: "true" } },
    { type: "error", data: { subtaskId: "b", retrying: true, status: "done" } },
    { type: "error", data: "it broke" },
    { type: "execution_progress", data: { progress: 60 } },
    { type: "execution_progress", data: { progress: 20 } },
    { type: "final_response", data: { success: 0, totalCost: "x", cost: 3, tokens: { a: 2 } } },
    { type: "final_response", data: { success: false } },
    { type: "analysis_started", data: { cost: 1 } },
    { type: "processing_started", data: {} },
    { type: "routing_complete", data: { assignments: [{ subtaskId: "only", modelId: "m" }, 3, { id: "by-id" }, {}] } },
    { type: "routing_complete", data: { assignments: { subtaskId: "not-a-list" } } },
    { type: "decomposition_complete", data: { subtasks: [{ id: "one", status: "failed" }], subtaskId: "own" } },
    { type: "arbitration_decision", data: { subtaskId: "one", status: "failed" } },
    { type: "synthesis_progress", data: {} },
  ]);
});

test("runs drawn at random are one truth with the hub's", async () => {
  const seed = Number(process.env.CWS_SEED ?? 20261127);
  const random = generator(seed);
  for (let round = 0; round < 4; round++) {
    const events = Array.from({ length: 300 }, () => randomEvent(random));
    await compare(`random-${seed}-${round}`, events, 15);
  }
});

function generator(state) {
  return (n) => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 8) % n;
}

function randomEvent(random) {
  const pick = (list) => list[random(list.length)];
  const types = ["execution_progress", "execution_progress", "execution_progress", "routing_complete", "decomposition_complete", "arbitration_decision", "synthesis_progress", "log", "error", "analysis_started", "final_response"];
  const type = random(20) === 0 ? pick(types) : pick(types.slice(0, -3));
  const data = {};
  const maybe = (name, value) => random(3) === 0 && (data[name] = value());
  maybe("subtaskId", () => pick(["a", "b", "c", "d", 5, ""]));
  maybe("subtask_id", () => pick(["e", 6]));
  maybe("parentId", () => pick(["a", "b", "z"]));
  maybe("status", () => pick(["running", "completed", "failed", "pending", "success", "odd", 1]));
  maybe("cost", () => pick([0.0031, 0.1, 1, 0, -1, "2"]));
  maybe("tokens", () => pick([5, 2.5, { prompt: 3, completion: 4 }, { total_tokens: 9, x: 1 }, null]));
  maybe("progress", () => pick([0, 33, 66.6, 100, 120, "x"]));
  maybe("stage", () => pick(["analysis", "routing", "execution", "synthesis", "later"]));
  maybe("model", () => pick(["m1", "", 3]));
  maybe("modelId", () => pick(["m2", "m3"]));
  maybe("agent", () => pick(["Ann", "Böb"]));
  maybe("success", () => pick([true, false]));
  maybe("retrying", () => pick([true, false, 1]));
  maybe("totalCost", () => pick([0.5, -1]));
  maybe("totalTokens", () => pick([1000, "x"]));
  const list = Array.from({ length: random(4) }, () => ({ [pick(["subtaskId", "id"])]: pick(["a", "f", "g", 7]), status: pick(["pending", "done", "x"]), modelId: "m9" }));
  maybe(type === "routing_complete" ? "assignments" : "subtasks", () => list);
  return { type, data };
}

test("more subtasks than are tracked are counted, as the hub does", async () => {
  const subtasks = Array.from({ length: 1200 }, (_, i) => ({ id: `t${i}` }));
  const done = [5, 999, 1000, 1199].map((i) => ({ type: "execution_progress", data: { subtaskId: `t${i}`, status: "done", cost: 1 } }));
  await compare("many", [{ type: "decomposition_complete", data: { subtasks } }, ...done], 5);
});

// ---- the picture's own ----

const at = (s) => new Date(Date.UTC(2026, 0, 1, 0, 0, s)).toISOString();
const task = (subtaskId, s, data = {}) => ({ type: "execution_progress", timestamp: at(s), data: { subtaskId, ...data } });
const rowsOf = (model, closed) => treeRows(model, closed).map((r) => `${"  ".repeat(r.depth)}${r.node.id} ${r.state} ${r.done}/${r.parts} ${r.cost} ${r.tokens}`);

test("the tree adds up branches, and names parents that nothing was said of", () => {
  const model = folded([
    task("root", 0, { status: "running", cost: 1, tokens: 1 }),
    task("left", 1, { parentId: "root", status: "completed", cost: 2, tokens: 2 }),
    task("right", 2, { parent_id: "root", status: "running", cost: 4, tokens: 4 }),
    task("leaf", 3, { parentId: "left", status: "completed", cost: 8, tokens: 8 }),
    task("alone", 4, { parentId: "named", status: "completed", cost: 16 }),
  ]);
  assert.deepEqual(rowsOf(model), ["root running 2/3 15 15", "  left done 1/1 10 10", "    leaf done 0/0 8 8", "  right running 0/0 4 4", "named done 1/1 16 0", "  alone done 0/0 16 0"]);
  const begun = folded([task("a", 0, { parentId: "group" }), task("b", 1, { parentId: "other", status: "pending" })]);
  assert.deepEqual(rowsOf(begun), ["group running 0/1 0 0", "  a running 0/0 0 0", "other pending 0/1 0 0", "  b pending 0/0 0 0"]);
  assert.deepEqual(rowsOf(model, new Set(["root"])), ["root running 2/3 15 15", "named done 1/1 16 0", "  alone done 0/0 16 0"]);
  const leaves = treeRows(model).filter((r) => r.depth === 0);
  assert.equal(leaves.reduce((sum, r) => sum + r.cost, 0), model.cost);
});

test("parents in a ring, on themselves, or thousands deep do no harm", () => {
  const ring = folded([task("a", 0, { parentId: "b" }), task("b", 1, { parentId: "c" }), task("c", 2, { parentId: "a" }), task("d", 3, { parentId: "d" })]);
  assert.deepEqual(treeRows(ring).map((r) => r.node.id), ["c", "b", "a", "d"]);
  const deep = folded(Array.from({ length: 900 }, (_, i) => task(`n${i}`, i, i > 0 ? { parentId: `n${i - 1}`, cost: 1 } : {})));
  const rows = treeRows(deep);
  assert.deepEqual([rows.length, rows.at(-1).depth, rows[0].parts, rows[0].cost], [900, 899, 899, 899]);
});

test("times, confidence and words are the last that were said", () => {
  const model = folded([task("a", 0, { status: "running", confidence: 0.5, message: "first" }), task("b", 3, { executionTime: 6.1 }), task("a", 9, { confidence: "x", message: "second" })]);
  const [a, b] = treeRows(model);
  assert.deepEqual([a.node.confidence, a.node.message], [0.5, "second"]);
  assert.equal(secondsOf(b, model, 0), 6.1);
  assert.equal(secondsOf(a, model, 4000), 13); // it is running: the time since the last event counts
  assert.equal(model.elapsedMs(4000), 9000 + 4000);
});

test("decisions and the response are those of the last run", () => {
  const model = folded([
    { type: "arbitration_decision", data: { subtaskId: "a", selectedResult: "x" } },
    { type: "final_response", data: { content: "the end" } },
    { type: "analysis_started", data: {} },
    { type: "arbitration_decision", data: "odd" },
    { type: "final_response", data: { success: true, totalCost: 1, phases: ["p"] } },
  ]);
  assert.deepEqual([model.run, model.decisions.length, model.decisions[0].subtask, model.response], [2, 1, null, 'phases: ["p"]']);
});

test("a copy goes on by itself", () => {
  const model = folded(COUNCIL.slice(0, 12));
  const copy = model.copy();
  const before = JSON.stringify(summaryOf(model));
  for (const event of with_ids(COUNCIL).slice(12)) copy.fold(event, 0);
  assert.equal(JSON.stringify(summaryOf(model)), before);
  assert.deepEqual(summaryOf(copy), summaryOf(folded(COUNCIL)));
});

test("an event that came before changes nothing", () => {
  const model = folded(COUNCIL);
  const before = JSON.stringify(summaryOf(model));
  for (const event of with_ids(COUNCIL)) model.fold(event, 0);
  assert.equal(JSON.stringify(summaryOf(model)), before);
});
