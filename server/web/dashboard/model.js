// model: what is known of a run after so many of its events. A pure fold: events go in, nothing goes out; no page, no clock, no network.
//
// Its rules are those of the hub (lib/summary/summary.h) and of the command's live picture (cli/picture/run.c), so that all three
// say the same of the same events; tests/web/dashboard_model.test.mjs holds that against a hub.

export const STAGES = ["analysis", "routing", "execution", "arbitration", "synthesis", "complete"];

const NUMBER_MAX = 2 ** 53;
const NAME_BYTES_MAX = 128;
const TRACKED_MAX = 1000; // subtasks with state and sums
const COUNTED_MAX = 10_000; // more are not even counted
const NODES_MAX = 2000; // of the tree: subtasks, and parents that are only named
const TEXT_MAX = 400; // of a subtask's last message
const DECISIONS_MAX = 1000;
const UNDECLARED_SUBTASKS = 4; // assumed to come while their number is not known
const PROGRESS_MAX_BEFORE_END = 99;
const NONE = -1;
const DAY_MS = 86_400_000;

// ---- what one event says ----

// [stage, what its subtask becomes, how firmly]
const MEANINGS = new Map([
  ["processing_started", [0]],
  ["analysis_started", [0]],
  ["analysis_complete", [0]],
  ["decomposition_complete", [0]],
  ["routing_complete", [1]],
  ["execution_progress", [2, "running", "assumed"]],
  ["arbitration_decision", [3, "done", "said"]],
  ["synthesis_progress", [4]],
  ["final_response", [5]],
  ["error", [NONE, "failed", "said"]],
]);
const ANY_OTHER = [NONE];

const STATES = new Map([
  ["pending", "pending"],
  ["queued", "pending"],
  ["running", "running"],
  ["started", "running"],
  ["in_progress", "running"],
  ["completed", "done"],
  ["complete", "done"],
  ["done", "done"],
  ["success", "done"],
  ["failed", "failed"],
  ["error", "failed"],
]);

const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const own = (object, name) => (Object.hasOwn(object, name) ? object[name] : undefined);

function amount(object, ...names) {
  const value = names.map((name) => own(object, name)).find((v) => typeof v === "number");
  return value >= 0 && value <= NUMBER_MAX ? value : NONE;
}

// A number, or an object of counts: its total if it has one, else the sum of its numbers.
function tokenCount(data) {
  const tokens = own(data, "tokens");
  if (!isObject(tokens)) return amount(data, "tokens");
  const total = amount(tokens, "total_tokens", "totalTokens");
  if (total >= 0) return total;
  const plain = amount(tokens, "total");
  if (plain >= 0) return plain;
  const counts = Object.keys(tokens).map((name) => amount(tokens, name)).filter((v) => v >= 0);
  const sum = counts.reduce((a, b) => a + b, 0);
  return counts.length > 0 && sum <= NUMBER_MAX ? sum : NONE;
}

function percent(data) {
  const value = own(data, "progress");
  return typeof value === "number" ? Math.min(100, Math.max(0, value)) : NONE;
}

// Ends where the hub's copy does: at a NUL, and at 128 bytes, between characters.
function nameOf(text) {
  const nul = text.indexOf("\0");
  if (nul >= 0) text = text.slice(0, nul);
  if (text.length * 3 <= NAME_BYTES_MAX) return text;
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    const code = character.codePointAt(0);
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (bytes > NAME_BYTES_MAX) break;
    end += character.length;
  }
  return text.slice(0, end);
}

function nameMember(object, names) {
  for (const name of names) {
    const value = own(object, name);
    if (typeof value === "string" && value !== "") return nameOf(value);
  }
  return null;
}

// Ids are also given as integers.
function idMember(object, names) {
  const id = nameMember(object, names);
  if (id !== null) return id;
  const value = names.map((name) => own(object, name)).find(Number.isInteger);
  return value === undefined ? null : String(value);
}

const OWN_ID = ["subtaskId", "subtask_id"];
const LISTED_ID = ["subtaskId", "subtask_id", "id"];

function readSubtask(object, idNames, [, state = "pending", weight = "unsaid"]) {
  if (!isObject(object)) return null;
  const id = idMember(object, idNames);
  if (id === null) return null;
  const word = own(object, "status");
  if (weight !== "said" && typeof word === "string" && STATES.has(word)) {
    state = STATES.get(word);
    weight = "said";
  }
  return {
    id,
    state,
    weight,
    parent: idMember(object, ["parentId", "parent_id"]),
    model: nameMember(object, ["model", "modelId", "model_id"]),
    agent: nameMember(object, ["agent", "assistant"]),
    title: nameMember(object, ["title", "name"]),
  };
}

/** The subtask that an event is about, or null. */
export function subtaskOf(data) {
  return isObject(data) ? idMember(data, OWN_ID) : null;
}

function roleOf(type, data) {
  if (type === "processing_started" || type === "analysis_started") return "begin";
  if (type === "final_response") return "final";
  return type === "error" && own(data, "retrying") !== true ? "error" : "plain";
}

/** What an event contributes, whatever came before it. */
export function factsOf(type, rawData) {
  const data = isObject(rawData) ? rawData : {};
  const meaning = MEANINGS.get(type) ?? ANY_OTHER;
  const role = roleOf(type, data);
  const isFinal = role === "final";
  const stage = STAGES.indexOf(own(data, "stage"));
  const list = type === "routing_complete" ? own(data, "assignments") : type === "decomposition_complete" ? own(data, "subtasks") : null;
  const listed = Array.isArray(list) ? list.slice(0, COUNTED_MAX) : [];
  const ownMeaning = type === "error" && role === "plain" ? ANY_OTHER : meaning; // it is being tried again
  const totalTokens = isFinal ? amount(data, "totalTokens") : NONE;
  return {
    role,
    stage: stage >= 0 ? stage : meaning[0],
    isSuccess: own(data, "success") !== false,
    declaresAll: listed.length > 1 || (listed.length === 1 && meaning[0] === 0),
    progress: percent(data),
    cost: isFinal ? amount(data, "totalCost", "cost") : amount(data, "cost"),
    tokens: totalTokens >= 0 ? totalTokens : tokenCount(data),
    own: readSubtask(data, OWN_ID, ownMeaning),
    listed: listed.map((item) => readSubtask(item, LISTED_ID, ANY_OTHER)).filter((item) => item !== null),
  };
}

// ---- what the run ended with ----

const RESPONSE_NAMES = ["content", "response", "result", "answer", "text", "output", "message", "error", "summary"];
const TOLD_ELSEWHERE = ["success", "totalCost", "totalTokens", "cost", "tokens"];

function responseOf(data) {
  if (typeof data === "string") return data;
  if (!isObject(data)) return null;
  const text = RESPONSE_NAMES.map((name) => own(data, name)).find((value) => typeof value === "string" && value !== "");
  if (text !== undefined) return text;
  const rest = Object.entries(data).filter(([name]) => !TOLD_ELSEWHERE.includes(name));
  return rest.length > 0 ? rest.map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join("\n") : null;
}

// ---- the fold ----

const tokensSum = (a, b) => Math.min(NUMBER_MAX - 1, a + Math.round(b));
const shareOf = (task) => (task.state === "done" || task.state === "failed" ? 1 : task.progress / 100);

export class Model {
  messageId = 0;
  count = 0; // events folded in
  run = 1; // the how manieth of this request
  status = "pending";
  stageIndex = NONE;
  progress = 0;
  tasks = new Map(); // id → { id, state, progress, cost, tokens, model, agent }: what the hub tracks
  counted = new Set(); // ids beyond those
  nodes = new Map(); // id → what only a picture shows of it; with parents that are only named
  inState = { pending: 0, running: 0, done: 0, failed: 0 };
  decisions = []; // { messageId, ms, subtask, data }
  decisionCount = 0;
  response = null; // what the run ended with
  firstMs = 0;
  lastMs = 0; // of the events' own timestamps
  heardMs = 0; // when the last one came, by the clock of the page
  #progressIsGiven = false;
  #totalIsKnown = false;
  #finished = 0;
  #costBefore = 0;
  #cost = 0;
  #tokensBefore = 0;
  #tokens = 0;

  get stage() {
    return this.stageIndex === NONE ? null : STAGES[this.stageIndex];
  }
  get cost() {
    return this.#costBefore + this.#cost;
  }
  get tokens() {
    return this.#tokensBefore + this.#tokens;
  }
  get hasEnded() {
    return this.status === "completed" || this.status === "failed";
  }
  get taskCount() {
    return this.tasks.size + this.counted.size;
  }

  /** How long the run has been going, by its own timestamps and the time since the last of them. */
  elapsedMs(nowMs) {
    if (this.firstMs === 0) return 0;
    let elapsed = this.lastMs - this.firstMs;
    if (!this.hasEnded) {
      // Timestamps of today are by the clock; others are of a run that is replayed.
      const isOfToday = nowMs >= this.lastMs && nowMs - this.lastMs < DAY_MS;
      elapsed += nowMs - (isOfToday ? this.lastMs : this.heardMs);
    }
    return Math.max(0, elapsed);
  }

  /** event: { message_id, type, timestamp, data, ms }. One that is not behind the last changes nothing. */
  fold(event, nowMs) {
    if (event.message_id <= this.messageId) return;
    const facts = factsOf(event.type, event.data);
    const ms = Number.isFinite(event.ms) ? event.ms : nowMs;
    this.messageId = event.message_id;
    this.count++;
    if (this.firstMs === 0) this.firstMs = ms;
    if (facts.role === "begin" && this.hasEnded) this.#beginAgain(ms);
    if (facts.stage > this.stageIndex) this.stageIndex = facts.stage;
    this.#foldSubtasks(facts, event.data, ms);
    this.#foldTotals(facts);
    this.#foldStatus(facts);
    this.#foldProgress(facts);
    if (event.type === "arbitration_decision") this.#addDecision(event, facts, ms);
    if (facts.role === "final" || facts.role === "error") this.response = responseOf(event.data);
    this.lastMs = ms;
    this.heardMs = nowMs;
  }

  /** A model that goes on by itself from here. */
  copy() {
    const copy = Object.assign(new Model(), this);
    copy.tasks = new Map([...this.tasks].map(([id, task]) => [id, { ...task }]));
    copy.nodes = new Map([...this.nodes].map(([id, node]) => [id, { ...node }]));
    copy.counted = new Set(this.counted);
    copy.inState = { ...this.inState };
    copy.decisions = [...this.decisions];
    copy.#progressIsGiven = this.#progressIsGiven;
    copy.#totalIsKnown = this.#totalIsKnown;
    copy.#finished = this.#finished;
    copy.#costBefore = this.#costBefore;
    copy.#cost = this.#cost;
    copy.#tokensBefore = this.#tokensBefore;
    copy.#tokens = this.#tokens;
    return copy;
  }

  #beginAgain(ms) {
    this.run++;
    this.status = "processing";
    this.stageIndex = NONE;
    this.progress = 0;
    this.#progressIsGiven = this.#totalIsKnown = false;
    this.#costBefore += this.#cost;
    this.#tokensBefore = tokensSum(this.#tokensBefore, this.#tokens);
    this.#cost = this.#tokens = this.#finished = 0;
    this.tasks.clear();
    this.counted.clear();
    this.nodes.clear();
    this.inState = { pending: 0, running: 0, done: 0, failed: 0 };
    this.decisions = [];
    this.decisionCount = 0;
    this.response = null;
    this.firstMs = ms;
  }

  // ---- subtasks ----

  // Finds or adds; null where it is only counted.
  #task(id) {
    const known = this.tasks.get(id);
    if (known !== undefined) return known;
    if (this.tasks.size >= TRACKED_MAX || this.counted.size > 0) {
      if (this.taskCount < COUNTED_MAX) this.counted.add(id);
      return null;
    }
    const task = { id, state: "pending", progress: 0, cost: 0, tokens: 0, model: null, agent: null };
    this.tasks.set(id, task);
    this.inState.pending++;
    return task;
  }

  #node(id) {
    let node = this.nodes.get(id);
    if (node === undefined && this.nodes.size < NODES_MAX) {
      node = { id, parent: null, title: null, message: null, confidence: NONE, seconds: NONE, firstMs: 0, lastMs: 0 };
      this.nodes.set(id, node);
    }
    return node ?? null;
  }

  // A parent that is below its own child would make a ring: it is not believed.
  #setParent(node, parentId) {
    for (let up = this.#node(parentId); up !== null; up = up.parent === null ? null : this.nodes.get(up.parent)) {
      if (up === node) return;
    }
    if (this.nodes.has(parentId)) node.parent = parentId;
  }

  #foldSubtasks(facts, data, ms) {
    if (facts.own !== null) this.#foldSubtask(facts.own, facts, data, ms);
    for (const said of facts.listed) this.#foldSubtask(said, null, null, ms);
    if (facts.declaresAll) this.#totalIsKnown = true;
  }

  #foldSubtask(said, facts, data, ms) {
    const task = this.#task(said.id);
    if (task === null) return;
    task.model = said.model ?? task.model;
    task.agent = said.agent ?? task.agent;
    const before = shareOf(task);
    this.inState[task.state]--;
    if (said.weight === "said" || (said.weight === "assumed" && task.state === "pending")) task.state = said.state;
    this.inState[task.state]++;
    if (facts !== null) this.#foldOwn(task, facts);
    this.#finished -= before;
    this.#finished += shareOf(task);
    this.#foldNode(said, facts === null ? null : data, ms);
  }

  #foldOwn(task, facts) {
    if (facts.progress >= 0) task.progress = facts.progress;
    if (facts.role === "final") return;
    if (facts.cost > 0) task.cost += facts.cost;
    if (facts.tokens > 0) task.tokens = tokensSum(task.tokens, facts.tokens);
  }

  #foldNode(said, data, ms) {
    const node = this.#node(said.id);
    if (node === null) return;
    if (said.parent !== null) this.#setParent(node, said.parent);
    node.title = said.title ?? node.title;
    if (data === null) return;
    if (node.firstMs === 0) node.firstMs = ms;
    node.lastMs = ms;
    if (typeof own(data, "message") === "string") node.message = data.message.slice(0, TEXT_MAX);
    if (own(data, "confidence") >= 0 && typeof data.confidence === "number") node.confidence = data.confidence;
    if (own(data, "executionTime") >= 0 && typeof data.executionTime === "number") node.seconds = data.executionTime;
  }

  // ---- totals, end, progress ----

  #foldTotals({ role, cost, tokens }) {
    const isFinal = role === "final";
    if (cost >= 0) this.#cost = isFinal ? cost : this.#cost + cost;
    if (tokens >= 0) this.#tokens = tokensSum(isFinal ? 0 : this.#tokens, tokens);
  }

  #foldStatus({ role, isSuccess }) {
    if (role === "final") this.status = isSuccess ? "completed" : "failed";
    else if (role === "error") this.status = "failed";
    else if (this.status === "pending") this.status = "processing";
  }

  #foldProgress(facts) {
    let progress = NONE;
    if (facts.progress >= 0 && facts.own === null) {
      this.#progressIsGiven = true;
      progress = facts.progress;
    } else if (!this.#progressIsGiven) {
      progress = this.#derivedProgress();
    }
    this.progress = Math.max(this.progress, Math.min(PROGRESS_MAX_BEFORE_END, progress));
    if (this.status === "completed") this.progress = 100;
  }

  #derivedProgress() {
    const floor = [0, 5, 10, 20, 20, this.#totalIsKnown ? 85 : 20, this.#totalIsKnown ? 85 : 20][this.stageIndex + 1];
    if (this.#finished <= 0) return floor;
    const total = this.taskCount + (this.#totalIsKnown ? 0 : UNDECLARED_SUBTASKS);
    return Math.max(floor, 20 + 60 * (this.#finished / total));
  }

  #addDecision(event, facts, ms) {
    this.decisionCount++;
    this.decisions.push({ messageId: event.message_id, ms, subtask: facts.own?.id ?? null, data: isObject(event.data) ? event.data : {} });
    if (this.decisions.length > DECISIONS_MAX) this.decisions.shift();
  }
}

// ---- the tree ----

/**
 * The subtasks as rows in the order of the tree, each with the sums of its branch:
 * { node, task, depth, state, hasBegun, parts, done, cost, tokens, firstMs, lastMs, isOpen, place, siblings }.
 * task is null for one that is only named as a parent; what is below an id of `closed` is left out.
 */
export function treeRows(model, closed = new Set()) {
  const children = new Map([[null, []]]);
  for (const node of model.nodes.values()) {
    if (!children.has(node.parent)) children.set(node.parent, []);
    children.get(node.parent).push(node);
  }
  const rows = [];
  visit(model, children, closed, rows);
  return rows;
}

// Depth first without recursion: a chain may be as deep as there are nodes.
function visit(model, children, closed, rows) {
  const stack = [{ row: null, list: children.get(null), next: 0, isShown: true }];
  while (stack.length > 0) {
    const level = stack.at(-1);
    if (level.next === level.list.length) {
      stack.pop();
      if (level.row !== null) finishRow(level.row, stack.at(-1).row);
      continue;
    }
    const node = level.list[level.next++];
    const row = newRow(model, node, stack.length - 1, level.next, level.list.length);
    const below = children.get(node.id) ?? [];
    row.hasParts = below.length > 0;
    row.isOpen = row.hasParts && !closed.has(node.id);
    if (level.isShown) rows.push(row);
    stack.push({ row, list: below, next: 0, isShown: level.isShown && row.isOpen });
  }
}

function newRow(model, node, depth, place, siblings) {
  const task = model.tasks.get(node.id) ?? null;
  const { firstMs, lastMs } = node;
  return { node, task, depth, place, siblings, state: task?.state ?? "pending", hasBegun: false, parts: 0, done: 0, cost: task?.cost ?? 0, tokens: task?.tokens ?? 0, firstMs, lastMs };
}

function finishRow(row, parent) {
  // One that is only named is as its parts are.
  if (row.task === null && row.hasBegun) row.state = row.done === row.parts ? "done" : "running";
  if (parent === null) return;
  parent.hasBegun ||= row.hasBegun || row.state !== "pending";
  parent.parts += row.parts + 1;
  parent.done += row.done + (row.task?.state === "done" ? 1 : 0);
  parent.cost += row.cost;
  parent.tokens += row.tokens;
  if (parent.firstMs === 0 || (row.firstMs !== 0 && row.firstMs < parent.firstMs)) parent.firstMs = row.firstMs;
  parent.lastMs = Math.max(parent.lastMs, row.lastMs);
}

/** How long a subtask took, in seconds, as it said or by its events; NONE where nothing is known. */
export function secondsOf(row, model, nowMs) {
  if (row.node.seconds >= 0) return row.node.seconds;
  if (row.firstMs === 0) return NONE;
  const isGoingOn = row.state === "running" && !model.hasEnded;
  const end = isGoingOn ? model.firstMs + model.elapsedMs(nowMs) : row.lastMs;
  return Math.max(0, end - row.firstMs) / 1000;
}
