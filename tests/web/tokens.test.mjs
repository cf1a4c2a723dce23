// Who may follow, and what happens when a token is refused or over.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Hub, until, watch } from "./hub.mjs";

let hub;
before(async () => {
  hub = await Hub.start();
  await hub.publish("run", 2);
});
after(() => hub.remove());

test("a token that is refused is asked for again", async () => {
  const wishes = [];
  const seen = watch(hub, "run", {
    from: "start",
    getToken: ({ refresh }) => {
      wishes.push(refresh);
      return refresh ? hub.token : "not.a.token";
    },
  });
  await until(() => seen.ids.length === 2);
  assert.deepEqual(wishes, [false, true]);
  seen.follow.close();
});

test("a token that is over is not even tried", async () => {
  const past = "e30." + Buffer.from(JSON.stringify({ sub: "ann", exp: 1000 })).toString("base64url") + ".x";
  const wishes = [];
  const seen = watch(hub, "run", {
    from: "start",
    token: past,
    getToken: (wish) => {
      wishes.push(wish.refresh);
      return hub.token;
    },
  });
  await until(() => seen.ids.length === 2);
  assert.deepEqual(wishes, [false]);
  assert.ok(!seen.states.includes("waiting"));
  seen.follow.close();
});

test("where tokens come from may be down for a while", async () => {
  let asked = 0;
  const seen = watch(hub, "run", {
    from: "start",
    getToken: async () => {
      if (++asked < 3) throw new Error("the login is down");
      return hub.token;
    },
  });
  await until(() => seen.ids.length === 2);
  assert.equal(seen.details[seen.states.indexOf("waiting")].reason, "the login is down");
  seen.follow.close();
});

for (const transport of ["auto", "sse"]) {
  test(`who may not watch is told so, once (${transport})`, async () => {
    const token = hub.sign("--sub", "bob", "--subscribe", "other-*");
    const seen = watch(hub, "run", { token, transport });
    await assert.rejects(seen.follow.closed, { name: "CouncilError", code: "forbidden" });
    assert.deepEqual(seen.states, ["connecting", "closed"]);
    assert.equal(seen.details[1].error.code, "forbidden");
  });

  test(`who may only publish is told so, once (${transport})`, async () => {
    const token = hub.sign("--sub", "bob", "--publish", "*");
    const seen = watch(hub, "run", { token, transport });
    await assert.rejects(seen.follow.closed, { name: "CouncilError", code: "forbidden" });
    assert.deepEqual(seen.states, ["connecting", "closed"]);
  });

  test(`a bad token without another one ends it (${transport})`, async () => {
    const seen = watch(hub, "run", { token: "not.a.token", transport });
    await assert.rejects(seen.follow.closed, { name: "CouncilError", code: "bad_token" });
  });

  test(`tokens that are all refused end it (${transport})`, async () => {
    const seen = watch(hub, "run", { getToken: () => "not.a.token", transport });
    await assert.rejects(seen.follow.closed, { code: "bad_token" });
  });
}

test("what is missing is said at once", async () => {
  assert.throws(() => watch(hub, "run", { token: undefined }), /token/);
  assert.throws(() => watch(hub, "run", { url: undefined }), /url/);
  assert.throws(() => watch(hub, ""), /requestId/);
});
