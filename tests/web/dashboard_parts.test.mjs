// The dashboard's pure parts: the tape that goes back and forth, the player's clock, the heights of a virtual list, texts.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";

const load = (name) => import(join(process.env.ROOT, "server/web/dashboard", name));
const { Tape } = await load("tape.js");
const { Pace } = await load("pace.js");
const { Player } = await load("player.js");
const { Turns, until } = await load("turns.js");
const { Heights, VirtualList } = await load("virtual.js");
const format = await load("format.js");

// ---- the tape ----

const event = (n) => ({ message_id: n, type: n % 10 === 0 ? "log" : "execution_progress", timestamp: new Date(1e12 + n * 1000).toISOString(), data: { subtaskId: `t${n % 7}`, cost: 1 } });

function tapeOf(n) {
  const tape = new Tape();
  for (let i = 1; i <= n; i++) tape.push(event(i));
  return tape;
}

// Each look at it is a millisecond later.
function fakeClock() {
  let ms = 0;
  return () => ms++;
}

test("folding ends when its time is over, soon after, and gets there all the same", () => {
  const tape = tapeOf(5000);
  const clock = fakeClock();
  let steps = 1;
  for (let before = 0; !tape.seek(5000, 0, until(clock, 4)); before = tape.at, steps++) assert.ok(tape.at - before <= 200, `${tape.at - before} in 4 ms`);
  assert.deepEqual([tape.at, tape.model.count, tape.model.cost, steps], [5000, 5000, 5000, 25]);
});

test("going back far is folding in slices, too", () => {
  const tape = tapeOf(3999);
  tape.seek(3999, 0);
  assert.equal(tape.seek(1999, 0, until(fakeClock(), 4)), false);
  assert.equal(tape.at, 200);
  assert.equal(tape.seek(1999, 0), true);
});

test("going back is as if the rest had never come, from marks or from the beginning", () => {
  const tape = tapeOf(9000);
  tape.seek(9000, 0);
  for (const place of [8999, 6001, 6000, 5999, 4000, 1, 0, 9000]) {
    tape.seek(place, 0);
    const fresh = tapeOf(place);
    fresh.seek(place, 0);
    assert.deepEqual([tape.at, tape.model.count, tape.model.cost, tape.shown.length], [place, place, fresh.model.cost, place]);
    assert.deepEqual([...tape.model.tasks], [...fresh.model.tasks]);
  }
});

test("a step back from the end folds little again", () => {
  const tape = tapeOf(9000);
  tape.seek(9000, 0);
  assert.equal(tape.seek(8990, 0, until(fakeClock(), 20)), true); // from the mark at 8,000
});

test("the filter holds for what is there, what comes and what is gone back over", () => {
  const tape = tapeOf(30);
  tape.filter((entry) => entry.type === "log");
  tape.seek(25, 0);
  assert.deepEqual(tape.shown, [9, 19]);
  tape.seek(30, 0);
  assert.deepEqual(tape.shown, [9, 19, 29]);
  tape.seek(15, 0);
  assert.deepEqual(tape.shown, [9]);
  tape.filter(null);
  assert.equal(tape.shown.length, 15);
  assert.deepEqual(Object.fromEntries(tape.types), { execution_progress: 27, log: 3 });
});

test("a gap has its place; another epoch begins from nothing", () => {
  const tape = tapeOf(3);
  tape.seek(3, 0);
  tape.pushGap({ timestamp: event(4).timestamp, data: { from: 4, to: 9, reason: "expired" } });
  tape.push(event(10));
  tape.seek(5, 0);
  assert.deepEqual([tape.model.count, tape.entries[3].kind, tape.shown.length], [4, "gap", 5]);
  tape.pushGap({ timestamp: event(11).timestamp, data: { from: 11, to: null, reason: "epoch", epoch: "e" } });
  tape.push(event(1));
  tape.seek(2, 0);
  assert.deepEqual([tape.length, tape.model.count, tape.model.cost], [2, 1, 1]);
});

test("a time that cannot be read is that of the event before", () => {
  const tape = new Tape();
  tape.push({ ...event(1), timestamp: "2026-01-01T00:00:07.123456789Z" });
  tape.push({ ...event(2), timestamp: "2026-12-31T23:59:60Z" });
  assert.deepEqual([tape.entries[0].ms, tape.entries[1].ms], [1767225607123, 1767225607123]);
});

// ---- turns ----

test("pieces take turns while there is time, one at least; who waits is not overtaken", () => {
  const done = [];
  const turns = new Turns(["a", "b", "c"].map((name) => (what) => done.push(name + what)));
  const takes = (what, n) => turns.take(() => --n <= 0, what);
  turns.ask();
  assert.equal(takes(1, 1), false);
  turns.ask();
  assert.equal(takes(2, 2), false);
  assert.equal(takes(3, 9), true);
  assert.deepEqual(done, ["a1", "b2", "c2", "a3"]);
});

test("slow pieces come to an end where nobody asks again, and what one asks for itself is done the next time", () => {
  let asks = 2;
  const turns = new Turns([() => asks-- > 0 && turns.ask()]);
  turns.ask();
  const always = () => true;
  assert.deepEqual([1, 2, 3, 4].map(() => turns.take(always)), [false, false, true, true]);
  assert.equal(asks, -1);
});

// ---- the player ----

const entries = (...seconds) => seconds.map((s) => ({ ms: s * 1000 }));

// ---- how often it is drawn ----

// What a page does for a second: a frame every 10 ms, in each of which there is something new; when drawings begin.
function drawings({ ask = () => false, isBehind = false }) {
  const pace = new Pace();
  const begun = [];
  for (let ms = 0; ms < 1000; ms += 10) {
    if (ask(ms)) pace.ask();
    if (pace.begins(ms, ms, isBehind)) begun.push(ms);
  }
  return begun;
}

test("a stream is drawn twenty times a second at most, what somebody does at once, what is on the way less often", () => {
  const everyMs = (list) => new Set(list.slice(1).map((ms, i) => ms - list[i]));
  assert.deepEqual([...everyMs(drawings({}))], [50]);
  assert.deepEqual([...everyMs(drawings({ ask: () => true }))], [10]);
  assert.deepEqual([...everyMs(drawings({ isBehind: true }))], [150]);
  assert.deepEqual([...everyMs(drawings({ isBehind: true, ask: () => true }))], [150]);
  assert.deepEqual(drawings({ ask: (ms) => ms === 120 }).slice(0, 5), [0, 50, 100, 120, 170]);
});

test("nothing new is not drawn, and what is new waits for what is left of its time", () => {
  const pace = new Pace();
  assert.ok(pace.begins(1, 1000, false));
  assert.equal(pace.restMs(1, 5000, false), Infinity);
  assert.equal(pace.begins(1, 5000, false), false);
  assert.equal(pace.restMs(2, 1020, false), 30);
  assert.equal(pace.restMs(2, 1020, true), 130);
  pace.ask();
  assert.ok(pace.restMs(1, 1020, false) <= 0);
});

test("it plays at the events' own pace, times the speed, and is live at the end", () => {
  const player = new Player();
  const list = entries(0, 1, 1.5, 4);
  player.play(0, list, 100);
  player.speed = 1;
  const at = (ms) => (player.tick(list, ms), player.want(list.length));
  assert.deepEqual([at(100), at(1099), at(1100), at(1600), at(4099)], [1, 1, 2, 3, 3]);
  assert.equal(player.mode, "playing");
  assert.equal(at(4100), 4);
  assert.equal(player.mode, "live");
});

test("a change of speed holds from where it is, and long silences are cut short", () => {
  const player = new Player();
  const list = entries(0, 10, 3610, 3611);
  player.speed = 10;
  player.play(0, list, 0);
  player.tick(list, 0);
  player.setSpeed(1, list, 500); // half of the second is left, which is 5 s at this speed
  player.tick(list, 5499);
  assert.equal(player.position, 1);
  player.tick(list, 5500);
  assert.equal(player.position, 2);
  player.tick(list, 10499);
  assert.equal(player.position, 2);
  player.tick(list, 10500);
  assert.equal(player.position, 3);
});

test("paused it stays, whatever comes; live it is at the newest; from the end it plays from the beginning", () => {
  const player = new Player();
  assert.equal(player.want(7), 7);
  player.pauseAt(5);
  assert.deepEqual([player.want(7), player.want(100), player.want(3)], [5, 5, 3]);
  player.play(7, entries(0, 1, 2, 3, 4, 5, 6), 0);
  assert.equal(player.position, 0);
  player.goLive();
  assert.equal(player.want(9), 9);
});

// ---- heights ----

test("the place of each row, and the row at each place, agree, with and without rows that are open", () => {
  const heights = Object.assign(new Heights(), { count: 50, row: 20 });
  for (const extras of [[], [[0, 7]], [[49, 300]], [[3, 100], [4, 1], [20, 55]]]) {
    heights.setExtras([...extras].reverse());
    const size = (i) => 20 + (extras.find(([at]) => at === i)?.[1] ?? 0);
    let top = 0;
    for (let i = 0; i < 50; i++) {
      assert.equal(heights.top(i), top);
      for (const px of [top, top + size(i) - 1]) assert.equal(heights.indexAt(px), i, `${px} px, ${JSON.stringify(extras)}`);
      top += size(i);
    }
    assert.equal(heights.total, top);
    assert.equal(heights.indexAt(top + 1000), 49);
  }
});

// ---- the rows of a virtual list, in a page of the least that it needs ----

function listOf(px) {
  const made = { rows: 0, moved: 0, asked: 0, filled: [] };
  let resized;
  let scrolled;
  globalThis.ResizeObserver = class {
    constructor(callback) {
      resized = callback;
    }
    observe() {}
  };
  globalThis.document = { activeElement: null };
  const style = () => ({ setProperty() {} });
  const scroller = { style: style(), clientHeight: px, clientWidth: 500, scrollTop: 0, addEventListener: (_, listener) => (scrolled = listener) };
  const rows = { style: style(), offsetTop: 0, firstChild: null, contains: () => false, insertBefore: () => made.moved++ };
  const list = new VirtualList(scroller, rows, {
    make: () => (made.rows++, { style: style(), remove: () => made.moved++ }),
    fill: (row, index) => made.filled.push(index),
    onChange: () => made.asked++,
    rowHeight: () => 20,
  });
  resized();
  made.asked = 0;
  return { list, made, scroller, scrolled };
}

test("rows are made a few at a time, and it asks for another draw until all of them are there", () => {
  const { list, made } = listOf(600);
  let before = 0;
  let draws = 0;
  do {
    before = made.rows;
    made.asked = 0;
    list.draw(1000);
    assert.ok(made.rows - before <= 12, `${made.rows - before} in one draw`);
    draws++;
  } while (made.asked > 0);
  assert.ok(made.rows > 30 && draws > 2, `${made.rows} rows in ${draws} draws`);
  assert.deepEqual([...list.rowElements.keys()], Array.from({ length: made.rows }, (_, i) => i));
});

test("a move of its own asks for no other draw; one of somebody's does, and leaves the end", () => {
  const { list, made, scroller, scrolled } = listOf(200);
  for (let i = 0; i < 3; i++) list.draw(1000, { sticks: true });
  list.scroll();
  made.asked = 0;
  scrolled();
  assert.equal(made.asked, 0);
  scroller.scrollTop -= 100;
  scrolled();
  assert.equal(made.asked, 1);
  assert.equal(list.isAtEnd, false);
});

test("rows that all become others stay in the page, and are filled anew; the scrolling comes when it is asked for", () => {
  const { list, made, scroller } = listOf(600);
  for (let i = 0; i < 9; i++) list.draw(1000, { sticks: true });
  list.scroll();
  assert.equal(scroller.scrollTop, 1000 * 20 - 600);
  made.moved = made.filled.length = 0;
  list.draw(2000, { sticks: true });
  assert.equal(scroller.scrollTop, 1000 * 20 - 600);
  list.scroll();
  assert.equal(scroller.scrollTop, 2000 * 20 - 600);
  assert.equal(made.moved, 0);
  assert.deepEqual(made.filled, [...list.rowElements.keys()]);
  assert.equal(made.filled.at(-1), 1999);
});

// ---- texts ----

test("numbers and times are as the command shows them", () => {
  assert.deepEqual([0, 0.0031, 999.99994, 1234.5, 1e6].map(format.cost), ["0", "0.0031", "999.9999", "1234.50", "1.0e+6"]);
  assert.deepEqual([0, 950, 999.6, 2010, 99_949, 99_950, 1.5e6].map(format.short), ["0", "950", "1.0k", "2.0k", "99.9k", "100k", "1.5M"]);
  assert.deepEqual([0, 133_000, 3_733_000, 360_000_000].map(format.clock), ["0:00", "2:13", "1:02:13", "4d 04h"]);
  assert.deepEqual([2.12, 45, 133, 3720, 400_000].map(format.span), ["2.1s", "45s", "2m13s", "1h02m", "4d"]);
  assert.deepEqual([0.84, 1, 86, 1e6, -1].map(format.confidence), ["0.84", "1.00", "86%", "", ""]);
});

test("what turns the direction of writing, or is no character, is shown as an escape", () => {
  assert.equal(format.inline("a\u202eb\u0007c\u001b[2J\n d"), "a\\u202eb\\u0007c\\u001b[2J d");
  assert.equal(format.visible("a\r\nb\u2066c\t\u0000"), "a\nb\\u2066c\t\\u0000");
  assert.equal(format.visible("👩‍🚀"), "👩‍🚀");
});

test("one line of an event has what says most first, and an end", () => {
  const line = (data) => format.eventLine(data).map(({ name, value }) => (name ? `${name}=${value}` : value)).join(" ");
  assert.equal(line({ zeta: 1, cost: 0.5, message: "m", subtaskId: "s", status: "done" }), "s done m cost=0.5 zeta=1");
  assert.equal(line("text\nof two"), "text of two");
  assert.equal(line([1, { a: null }]), '[1,{"a":null}]');
  assert.equal(line({}), "");
  assert.ok(line({ text: "x".repeat(1e6), list: Array(1e5).fill("y".repeat(50)) }).length < 1000);
  assert.equal(format.eventLine(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`k${i}`, i]))).length, 8);
});

test("one line of an event ends where nobody sees it any more", () => {
  const line = format.eventLine({ subtaskId: "s", message: "m".repeat(100), agent: "a" }, 50);
  assert.deepEqual(line, [{ name: "", value: "s" }, { name: "", value: "m".repeat(45) + "…" }]);
  assert.equal(format.eventLine({ subtaskId: "s", message: "m".repeat(100), agent: "a" }, 150).length, 3);
  assert.equal(format.eventLine("😀".repeat(50), 13)[0].value, "😀".repeat(5) + "…"); // no half of one
});

test("numbers that JavaScript cannot hold are shown as they were published", async () => {
  const { parseMessage, prettySource } = await load("json_text.js");
  const odd = JSON.stringify('}"data\\":{');
  const text = `{"type":"log","x":[{"data":1}],"message_id":1,"data":{"n":12345678901234567890,"b":[1.50,${odd}],"e":[{},[]]}}`;
  const message = parseMessage(text);
  assert.equal(message.source, text);
  assert.equal(prettySource(text), `{\n  "n": 12345678901234567890,\n  "b": [\n    1.50,\n    ${odd}\n  ],\n  "e": [\n    {},\n    []\n  ]\n}`);
  assert.equal(parseMessage('{"message_id":1,"data":{"n":123456789012345}}').source, undefined);
  for (const data of ['"text"', "[]", "null", '{"a":{"b":[1,2]}}']) assert.equal(prettySource(`{"data":${data},"z":1}`), JSON.stringify(JSON.parse(data), null, 2));
  assert.equal(prettySource('{"type":"log"}'), "{}");
});
