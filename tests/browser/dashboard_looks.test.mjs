// The dashboard for every hand and eye: keys, sizes, colours, readers of the screen.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { Browser, Hub, untilIn } from "./browser.mjs";
import { COUNCIL, publish, untilEvents, untilSays, visit } from "./dashboard.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
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

test("all of it works by keys", async () => {
  await publish(hub, "keys", [...COUNCIL.slice(0, 5), ...Array.from({ length: 300 }, (_, i) => ({ type: "execution_progress", data: { subtaskId: `part${i % 3}`, parentId: "costs", n: i } }))]);
  await visit(browser, hub, { request: "keys" }, async (page) => {
    await untilEvents(page, "305");
    const focused = () => page.evaluate("document.activeElement.closest('.row, .event')?.innerText.replace(/\\s+/g, ' ') ?? document.activeElement.outerHTML.slice(0, 80)");
    const reach = async (selector) => {
      for (let i = 0; i < 40; i++) {
        await page.keyboard.press("Tab");
        if (await page.evaluate((s) => document.activeElement.matches(s), selector)) return;
      }
      assert.fail("Tab does not reach " + selector);
    };
    await page.evaluate("document.activeElement.blur()");
    await reach(".skip");
    await page.keyboard.press("Enter");
    await reach(".tree .row");
    assert.match(await focused(), /costs/);
    await page.keyboard.press("ArrowLeft"); // closes the branch
    await untilIn(page, "document.querySelectorAll('.tree .row').length === 4");
    await page.keyboard.press("ArrowRight");
    await untilIn(page, "document.querySelectorAll('.tree .row').length === 7");
    await page.keyboard.press("ArrowRight");
    assert.match(await focused(), /part0/);
    await page.keyboard.press("ArrowLeft");
    assert.match(await focused(), /costs/);
    await page.keyboard.press("End");
    assert.match(await focused(), /users/);
    await page.keyboard.press("Home");
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    await untilSays(page, ".chip", "part0");
    await reach(".chip");
    await page.keyboard.press("Enter");
    await untilIn(page, "document.querySelector('.event:last-child').getAttribute('aria-posinset') === '305'");
    await reach(".event .line");
    assert.match(await focused(), /n=299/);
    await page.keyboard.press("Home");
    assert.match(await focused(), /processing_started/);
    await page.keyboard.press("PageDown");
    await page.keyboard.press("ArrowUp");
    await page.keyboard.press("Enter");
    await untilIn(page, "document.activeElement.getAttribute('aria-expanded') === 'true'");
    await page.keyboard.press("Tab"); // into the data
    await page.keyboard.press("Escape");
    await untilIn(page, "document.activeElement.matches('.event .line[aria-expanded=false]')");
    const before = await focused();
    await page.evaluate("document.querySelector('.event-list').scrollTop = 1e9"); // out of sight, but not lost
    await untilIn(page, "[...document.querySelectorAll('.event .words')].some((w) => w.innerText.includes('n=299'))");
    assert.equal(await focused(), before);
  });
});

test("nothing is wider than the window, from 320 px to 4K, and rows do not overlap", async () => {
  await visit(browser, hub, { request: "council" }, async (page) => {
    await untilEvents(page, "24");
    await page.click(".event:nth-child(5) .line");
    const fits = async (width, height) => {
      await page.setViewportSize({ width, height });
      await untilIn(page, `innerWidth === ${width}`);
      await untilIn(page, "document.documentElement.scrollWidth <= innerWidth || 'it is ' + document.documentElement.scrollWidth + ' wide'");
      await untilIn(page, "[...document.querySelectorAll('.event, .tree .row')].every((row, i, all) => i === 0 || row.parentNode !== all[i - 1].parentNode || row.getBoundingClientRect().top >= all[i - 1].getBoundingClientRect().bottom - 1)");
    };
    for (const [width, height] of [[320, 640], [360, 740], [768, 1024], [1280, 400], [1600, 1000], [3840, 2160]]) await fits(width, height);
    await page.evaluate("location.hash = '#/'");
    await untilSays(page, ".requests tbody", "council");
    for (const [width, height] of [[3840, 2160], [768, 1024], [320, 640]]) await fits(width, height);
  });
});

test("dark or light as the system is, or as one chooses, which stays", async () => {
  const ground = (page) => page.evaluate("getComputedStyle(document.body).backgroundColor");
  const isDark = async (page) => Number(/\d+/.exec(await ground(page))[0]) < 60;
  await visit(browser, hub, { colorScheme: "dark" }, async (page) => {
    assert.equal(await isDark(page), true);
    await page.selectOption("#theme", "light");
    assert.equal(await isDark(page), false);
    await page.reload();
    assert.equal(await isDark(page), false);
    await page.selectOption("#theme", "auto");
    assert.equal(await isDark(page), true);
    await page.emulateMedia({ colorScheme: "light" });
    assert.equal(await isDark(page), false);
  });
});

for (const colorScheme of ["light", "dark"]) {
  test(`axe-core finds nothing serious in any of its states (${colorScheme})`, async () => {
    const look = async (page, what) => {
      await page.evaluate(AXE);
      const { violations } = await page.evaluate(() => axe.run({ resultTypes: ["violations"] }));
      const serious = violations.filter((v) => ["serious", "critical"].includes(v.impact));
      assert.deepEqual(serious.map((v) => `${v.id}: ${v.nodes.map((n) => n.html.slice(0, 120) + " " + n.failureSummary).join(" | ")}`), [], what);
    };
    await visit(browser, hub, { request: "council", colorScheme }, async (page) => {
      await untilEvents(page, "24");
      await untilSays(page, ".watchers-panel", "dashboard");
      await page.click(".tree .row:nth-child(2)");
      await page.click(".event:nth-child(3) .line");
      await page.click(".decisions summary");
      await page.getByRole("button", { name: "Pause" }).click();
      await page.click(".filter summary");
      await look(page, "a request");
      await page.setViewportSize({ width: 360, height: 740 });
      await look(page, "a request on a phone");
      await page.click(".brand");
      await untilSays(page, ".requests tbody", "council");
      await look(page, "the list");
      await page.click("#sign-out");
      await page.waitForSelector("dialog[open]");
      await look(page, "signing in");
    });
  });
}
