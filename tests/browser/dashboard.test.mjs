// The dashboard: the list, one request, another moment of it, many events. What it says is what the hub says.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Browser, Hub, until, untilIn } from "./browser.mjs";
import { COUNCIL, facts, open, publish, text, texts, untilDrawn, untilEvents, untilSays, visit } from "./dashboard.mjs";

let browser, hub;
before(async () => {
  hub = await Hub.start("--durability", "normal");
  browser = await Browser.start();
  await publish(hub, "council", COUNCIL);
});
after(async () => {
  await browser?.end();
  await hub.remove();
});

// ---- the list ----

test("the list has every request, newest first, as the hub tells of it, and follows it", async () => {
  await publish(hub, "second", COUNCIL.slice(0, 12));
  await visit(browser, hub, {}, async (page) => {
    await untilSays(page, ".requests tbody", "second");
    await publish(hub, "third", [{ type: "error", data: { message: "no" } }]);
    await untilSays(page, ".requests tbody", "third");
    const { requests } = await hub.call("GET", "/requests");
    const rows = await page.evaluate(() => [...document.querySelectorAll(".requests tbody tr")].map((row) => [...row.children].map((cell) => cell.innerText.trim())));
    assert.deepEqual(
      rows.map(([id, status, stage, progress, cost, , events]) => [id, status, stage, progress, Number(cost), Number(events)]),
      requests.map((r) => [r.request_id, r.status, r.stage ?? "–", `${Math.floor(r.progress)} %`, Number(r.cost.toFixed(4)), r.count]),
    );
    await publish(hub, "second", COUNCIL.slice(12));
    await until(async () => (await texts(page, ".requests tbody tr"))[1].includes("completed"));
    assert.equal(await text(page, "#connection-text"), "Up to date");
  });
});

test("a request is found by a part of its id, and opened by its whole one, listed or not", async () => {
  await visit(browser, hub, { mayComplain: [/400|404/] }, async (page) => {
    await untilSays(page, ".requests tbody", "council");
    await page.fill("#search", "ounc");
    await until(async () => (await texts(page, ".requests tbody tr")).length === 1);
    await page.keyboard.press("Enter");
    await untilSays(page, "h1", "council");
    await page.goBack();
    await untilSays(page, "h1", "Requests");
    await page.fill("#search", "not-yet/there?");
    await page.keyboard.press("Enter");
    await untilSays(page, "#connection-text", "Not followed"); // no id can have a slash
    await page.goBack();
    await untilSays(page, "h1", "Requests");
    await page.fill("#search", "not-yet:there");
    await page.keyboard.press("Enter");
    await untilSays(page, ".timeline-panel", "No event yet");
    await publish(hub, "not-yet:there", COUNCIL.slice(0, 1));
    await untilEvents(page, "1");
  });
});

// ---- one request ----

test("the page of a request says what the hub says of it, and has all of its events", async () => {
  await visit(browser, hub, { request: "council" }, async (page) => {
    await untilEvents(page, "24");
    const r = await hub.call("GET", "/requests/council");
    assert.deepEqual(await facts(page), { Elapsed: "0:30", Subtasks: `${r.subtasks.done}/${r.subtasks.total}`, Cost: String(r.cost), Tokens: "8.8k", Events: String(r.count) });
    assert.deepEqual([await text(page, ".title .badge"), await text(page, ".progress-line .percent")], [r.status, `${r.progress} %`]);
    assert.deepEqual(await page.evaluate(() => [...document.querySelectorAll(".stages li")].map((li) => li.dataset.state)), Array(6).fill("done"));
    const rows = await page.evaluate(() => [...document.querySelectorAll(".tree .row")].map((row) => [".id", ".state", ".agent", ".model", ".cost", ".conf", ".time"].map((c) => row.querySelector(c).textContent)));
    assert.deepEqual(rows.map((row) => row.slice(0, 5)), r.subtasks.items.map((t) => [t.id, t.status, t.agent, t.model, t.cost.toFixed(4)]));
    assert.deepEqual(rows[3].slice(5), ["0.84", "6.1s"]);
    assert.match(await text(page, ".response"), /^Move to a hosted form[^]*happen again\.$/);
    assert.deepEqual(await texts(page, ".decision-head .id"), ["▸ risks", "▸ effort"].map((t) => t.slice(2)));
    await until(async () => /ann\/dashboard/.test(await text(page, ".watchers-panel")));
    assert.equal(await page.evaluate("document.querySelector('.event:last-child').getAttribute('aria-posinset')"), "24");
    assert.deepEqual((await texts(page, ".event .type")).at(-1), "final_response");
  });
});

test("what comes is shown as it comes; data is there to read, every digit of it", async () => {
  await publish(hub, "live", COUNCIL.slice(0, 6));
  await visit(browser, hub, { request: "live" }, async (page) => {
    await untilEvents(page, "6");
    await untilSays(page, "#connection-text", "Live");
    await publish(hub, "live", ['{"type":"log","data":{"n":12345678901234567890,"m":0.10}}']);
    await untilEvents(page, "7");
    await page.click(".event:last-child .line");
    await untilSays(page, ".data pre", '{\n  "n": 12345678901234567890,\n  "m": 0.10\n}');
    await publish(hub, "live", COUNCIL.slice(6));
    await untilSays(page, ".title .badge", "completed");
    await untilEvents(page, "25");
  });
});

test("no text of an event is ever markup, and nothing is asked of any other host", async () => {
  const bad = `<img src="http://evil.example/x" onerror="window.pwned=1"><script>window.pwned=1</script>&lt;b&gt;`;
  const said = { subtaskId: bad, parentId: bad + "p", agent: bad, model: bad, status: bad, message: bad, title: bad, stage: bad, reason: bad, selectedResult: bad, content: bad, [bad]: bad };
  const types = ["decomposition_complete", "routing_complete", "execution_progress", "arbitration_decision", "synthesis_progress", "log", "final_response"];
  await publish(hub, "markup", types.map((type) => ({ type, data: { ...said, subtasks: [said], assignments: [said] } })));
  await visit(browser, hub, { request: "markup" }, async (page, seen) => {
    await untilEvents(page, "7");
    for (const row of await page.$$(".event .line")) await row.click();
    await page.click(".decisions summary");
    await page.click(".tree .row:nth-child(2)");
    await page.click(".filter summary");
    await untilIn(page, "document.querySelector('.chip').innerText.includes('<img')");
    assert.equal(await page.evaluate("document.querySelectorAll('main img, main script, main b').length"), 0);
    assert.equal(await page.evaluate("window.pwned"), undefined);
    for (const place of [".response", ".decisions pre", ".tree .id", ".tree .agent", ".event .words", ".data pre"]) assert.ok((await texts(page, place)).some((said) => said.includes("<img src=")), place);
    const hosts = new Set(seen.urls.map((url) => new URL(url).host));
    assert.deepEqual([...hosts], [new URL(hub.url).host]);
  });
});

test("who may not know who else is watching is not told", async () => {
  const token = hub.sign("--sub", "bob", "--subscribe", "*");
  await visit(browser, hub, { request: "council", token }, async (page) => {
    await untilEvents(page, "24");
    await untilSays(page, "#connection-text", "Live");
    await page.waitForResponse((response) => response.url().endsWith("/requests/council"));
    assert.equal(await page.isVisible(".watchers-panel"), false);
  });
});

// ---- another moment ----

test("it stays at a moment, goes through the run event by event, and plays it again", async () => {
  await publish(hub, "moments", COUNCIL.slice(0, 20));
  await visit(browser, hub, { request: "moments" }, async (page) => {
    await untilEvents(page, "20");
    await page.getByRole("button", { name: "Pause" }).click();
    await publish(hub, "moments", COUNCIL.slice(20));
    await untilEvents(page, "20 of 24");
    await page.getByRole("button", { name: "One event back" }).click();
    await untilEvents(page, "19 of 24");
    await page.getByRole("slider").press("Home");
    await untilEvents(page, "0 of 24");
    assert.deepEqual([await text(page, ".title .badge"), (await texts(page, ".event")).length], ["pending", 0]);
    for (let i = 0; i < 6; i++) await page.getByRole("slider").press("ArrowRight");
    await untilEvents(page, "6 of 24");
    assert.deepEqual([await text(page, ".title .badge"), await text(page, ".progress-line .percent"), await text(page, ".where")], ["processing", "20 %", "6 / 24  09:00:04"]);
    assert.match(await page.getByRole("slider").getAttribute("aria-valuetext"), /^event 6 of 24/);
    await page.getByRole("combobox", { name: "Speed" }).selectOption("100");
    await page.getByRole("button", { name: "Replay" }).click();
    await untilIn(page, "/^\\d+ of 24$/.test([...document.querySelectorAll('.facts dd')].at(-1).innerText)"); // on the way
    await untilEvents(page, "24");
    assert.equal(await page.getByRole("button", { name: "Live" }).getAttribute("aria-pressed"), "true");
  });
});

test("the timeline is narrowed to types and to one subtask", async () => {
  await visit(browser, hub, { request: "council" }, async (page) => {
    await untilEvents(page, "24");
    await page.click(".filter summary");
    await page.getByRole("button", { name: "None" }).click();
    await page.getByLabel("arbitration_decision").check();
    await page.keyboard.press("Escape");
    await untilDrawn(page);
    assert.deepEqual(await texts(page, ".event .type"), ["arbitration_decision", "arbitration_decision"]);
    assert.equal(await text(page, ".filter summary"), "1 of 11 types");
    await page.click(".tree .row:nth-child(3)"); // risks
    await until(async () => (await texts(page, ".event")).length === 1);
    await page.click(".filter summary");
    await page.getByRole("button", { name: "All", exact: true }).click();
    await until(async () => (await texts(page, ".event")).length === 7);
    await page.getByRole("button", { name: /show all subtasks/ }).click();
    await until(async () => (await texts(page, ".event")).length > 20);
  });
});

// ---- many ----

test("of ten thousand events and a thousand subtasks a few rows are in the page, the right ones", async () => {
  for (let i = 0; i < 10; i++) {
    const lines = Array.from({ length: 1000 }, (_, n) => ({ type: "execution_progress", data: { subtaskId: `t${n}`, parentId: `p${n % 10}`, n: i * 1000 + n + 1 } }));
    await publish(hub, "many", lines);
  }
  await visit(browser, hub, { request: "many" }, async (page) => {
    await untilEvents(page, "10,000");
    const bounded = async () => {
      const [events, tasks, nodes] = await page.evaluate("['.event', '.tree .row', '*'].map((s) => document.querySelectorAll(s).length)");
      assert.ok(events > 10 && events < 80 && tasks > 5 && tasks < 80 && nodes < 2500, `${events} rows of events, ${tasks} of subtasks, ${nodes} elements`);
    };
    await bounded();
    assert.match((await texts(page, ".event .words")).at(-1), /n=10000/);
    for (const n of [5000, 1]) {
      await page.evaluate((share) => ((list) => (list.scrollTop = share * list.scrollHeight))(document.querySelector(".event-list")), (n - 1) / 10000);
      await untilIn(page, `[...document.querySelectorAll(".event .words")].some((w) => w.innerText.endsWith("n=${n}"))`);
      await bounded();
      const places = await page.evaluate(() => [...document.querySelectorAll(".event")].map((e) => [Number(e.getAttribute("aria-posinset")), Number(/n=(\d+)/.exec(e.innerText)[1]), Math.round(e.getBoundingClientRect().top)]));
      assert.ok(places.every(([place, id]) => place === id));
      assert.ok(places.every(([, , top], i) => i === 0 || top > places[i - 1][2]), "they stand in order, in the page and on the screen");
    }
    await publish(hub, "many", [{ type: "log", data: {} }]); // who reads elsewhere is left there
    await untilEvents(page, "10,001");
    assert.equal(await page.evaluate("document.querySelector('.event-list').scrollTop"), 0);
    await page.getByRole("button", { name: "Newest" }).click();
    await until(async () => (await texts(page, ".event .type")).at(-1) === "log");
  });
});

test("many decisions are put into the page a few at a time, until the latest fifty are there", async () => {
  await publish(hub, "decided", Array.from({ length: 60 }, (_, n) => ({ type: "arbitration_decision", data: { subtaskId: `t${n}`, selectedResult: `answer ${n}` } })));
  await visit(browser, hub, {}, async (page) => {
    await page.evaluate(() => {
      window.made = []; // decisions, of each drawing
      const count = (records) => records.flatMap((r) => [...r.addedNodes]).filter((node) => node.parentNode?.matches?.(".decisions")).length;
      new MutationObserver((records) => made.push(count(records))).observe(document, { childList: true, subtree: true });
    });
    await open(page, "decided");
    await untilIn(page, "document.querySelectorAll('.decisions > li').length === 50");
    const made = await page.evaluate("made");
    assert.equal(made.reduce((sum, n) => sum + n, 0), 50);
    assert.ok(Math.max(...made) <= 5, `made at once: ${made}`);
    assert.match((await texts(page, ".decisions > li"))[0], /answer 59/);
  });
});
