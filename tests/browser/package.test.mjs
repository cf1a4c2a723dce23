// The npm package of server/web/client: what is in it, that it installs and runs, and that its types and its README tell all of it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Hub } from "../web/hub.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const client = join(here, "../../server/web/client");
const read = (name) => readFileSync(join(client, name), "utf8");
const run = (command, args, options = {}) => execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], ...options });

let dir, packed;
before(() => {
  dir = mkdtempSync(join(tmpdir(), "councilws-npm-"));
  [packed] = JSON.parse(run("npm", ["pack", "--json", "--pack-destination", dir], { cwd: client }));
  writeFileSync(join(dir, "package.json"), '{"private":true,"type":"module"}');
  run("npm", ["install", "--offline", "--no-audit", "--no-fund", join(dir, packed.filename)], { cwd: dir });
});
after(() => rmSync(dir, { recursive: true }));

test("it has the module, its types, what it says of itself and the licence, and nothing else", () => {
  assert.deepEqual(packed.files.map((file) => file.path).sort(), ["LICENSE", "README.md", "councilws.d.ts", "councilws.js", "package.json"]);
  assert.equal(read("LICENSE"), readFileSync(join(here, "../../LICENSE"), "utf8"));
  const { version, dependencies } = JSON.parse(read("package.json"));
  assert.equal(run(process.env.COUNCILWS, ["--version"]).trim(), "councilws " + version);
  assert.equal(dependencies, undefined);
});

test("installed, it follows a request by its name", async () => {
  const hub = await Hub.start();
  try {
    await hub.publish("run", 3);
    const program = `
      import { follow } from "councilws";
      const [url, token] = process.argv.slice(1);
      for await (const event of follow("run", { url, token })) {
        console.log(event.message_id);
        if (event.message_id === 3) break;
      }`;
    const said = run(process.execPath, ["--input-type=module", "-e", program, hub.url, hub.token], { cwd: dir, timeout: 60_000 });
    assert.equal(said, "1\n2\n3\n");
  } finally {
    await hub.remove();
  }
});

test("its types fit what a program does with it, and refuse what it may not", () => {
  writeFileSync(
    join(dir, "program.ts"),
    `import { follow, Follow, CouncilError, type CouncilEvent, type CouncilGap, type CouncilState } from "councilws";
    const options = { url: "http://h", token: "t", after: 1, epoch: "e", from: "start", subscriber: "s", ack: false, transport: "sse" } as const;
    const one: Follow = follow("run", { ...options, signal: new AbortController().signal, WebSocket, fetch, parse: JSON.parse });
    follow("run", {
      getToken: async ({ refresh }) => (refresh ? "new" : "old"),
      onEvent: async (event: CouncilEvent<{ n: number }>, f) => console.log(event.data.n, event.message_id + 1, f.position.after + 1),
      onGap: (gap: CouncilGap) => console.log(gap.data.from, gap.data.to ?? 0, gap.data.reason),
      onState: (state: CouncilState, detail) => console.log(state, detail.retryInMs, detail.reason, detail.transport, detail.error?.message),
    });
    for await (const event of one) console.log(event.type.length, event.timestamp.length);
    await one.closed.catch((error: CouncilError) => error.code);
    one.close();
    console.log(one.state === "live", one.requestId.length, one.position.epoch?.length);
    // @ts-expect-error
    follow(1, options);
    // @ts-expect-error
    follow("run", { token: "t", transport: "carrier pigeon" });
    // @ts-expect-error
    follow("run", { token: "t", aftr: 1 });
    // @ts-expect-error
    one.position = { after: 1, epoch: undefined };
    `,
  );
  const tsc = join(here, "node_modules/typescript/bin/tsc");
  const args = ["--strict", "--noEmit", "--target", "es2022", "--module", "nodenext", "--lib", "es2022,dom,dom.iterable", "program.ts"];
  const said = (() => {
    try {
      return run(process.execPath, [tsc, ...args], { cwd: dir });
    } catch (error) {
      return error.stdout;
    }
  })();
  assert.equal(said, "");
});

test("types, module and README name the same things", async () => {
  const module = await import(join(client, "councilws.js"));
  const types = read("councilws.d.ts");
  const declared = [...types.matchAll(/^export (?:class|function) (\w+)/gm)].map((match) => match[1]);
  assert.deepEqual(declared.sort(), Object.keys(module).sort());
  const body = (name) => types.split(new RegExp(`(?:interface|class) ${name}\\b`))[1].split("\n}")[0];
  const members = (name) => [...body(name).matchAll(/^  (?:readonly )?(\w+)[?(:]/gm)].map((match) => match[1]);
  const own = Object.getOwnPropertyNames(module.Follow.prototype).filter((name) => name !== "constructor");
  assert.deepEqual(members("Follow").sort(), own.sort());
  const options = members("FollowOptions");
  const used = new Set([...read("councilws.js").matchAll(/[oO]ptions\.(\w+)/g), ...read("councilws.js").matchAll(/const \{ (signal|token)\b/g)].map((match) => match[1]));
  assert.deepEqual([...used, "getToken"].filter((name) => !options.includes(name)), []);
  assert.ok(options.length >= 15, options.join());
  const table = read("README.md").split("## Options")[1].split("\n## ")[0];
  assert.deepEqual(options.filter((name) => !new RegExp("^\\|[^|]*`" + name + "[`(]", "m").test(table)), []);
});
