// many.js BASE TOKEN MODE N: N watchers of one request (MODE one) or of N requests (MODE each), opened by one process; prints "ready" when
// all are connected, and ends with 0 when each has seen ids 1, 2, 3 of its request, in order.
const WebSocket = require("ws");

const [base, token, mode, count] = process.argv.slice(2);
const total = Number(count);
let connected = 0, finished = 0, next = 0;

function open(i) {
  const id = mode === "one" ? "one" : "each-" + i;
  const ws = new WebSocket(`${base}/api/v1/ws/${id}?subscriber=w${i}`, { headers: { authorization: "Bearer " + token } });
  let last = 0;
  ws.on("message", (text) => {
    const message = JSON.parse(text);
    if (message.type === "connection_established") {
      if (++connected === total) console.log("ready");
      if (next < total) open(next++);
    }
    if (!(message.type === "log")) return;
    if (message.message_id !== last + 1) fail(`watcher ${i}: ${message.message_id} after ${last}`);
    last = message.message_id;
    if (last === 3 && ++finished === total) process.exit(0);
  });
  ws.on("error", (error) => fail(`watcher ${i}: ${error.message}`));
  ws.on("close", (code) => fail(`watcher ${i}: closed with ${code}`));
}

function fail(text) {
  console.error(text);
  process.exit(1);
}

while (next < Math.min(50, total)) open(next++);
