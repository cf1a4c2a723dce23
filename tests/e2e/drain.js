// drain.js BASE TOKEN N LAST: N watchers of one request, which acknowledge what they see, through the drain of one hub and to another at
// the same address. Prints "ready" when all are connected, then a line of JSON about the byes once every watcher has had one; ends with 0
// when each has seen ids 1 to LAST, in order and each once but for those that it had acknowledged too late.
const WebSocket = require("ws");

const [base, token, count, last] = process.argv.slice(2);
const total = Number(count), end = Number(last);
const byes = [];
let connected = 0, finished = 0, next = 0;

function start(i) {
  const watcher = { i, seen: 0, hasBye: false };
  open(watcher);
}

function open(watcher) {
  const ws = new WebSocket(`${base}/api/v1/ws/run?subscriber=w${watcher.i}`, { headers: { authorization: "Bearer " + token } });
  let isFresh = watcher.seen > 0, bye = null, failed = false;
  ws.on("message", (text) => {
    const message = JSON.parse(text);
    if (message.type === "connection_established" && watcher.seen === 0 && !watcher.hasBye) {
      if (++connected === total) console.log("ready");
      if (next < total) start(next++);
    }
    if (message.type === "bye") bye = message.data;
    if (message.type === "log") take(watcher, ws, message, isFresh);
    if (message.type === "log") isFresh = false;
  });
  ws.on("error", () => { failed = true; }); // between the hubs nobody listens
  ws.on("close", (code) => {
    if (watcher.seen === end) return;
    if (failed && watcher.hasBye) return void setTimeout(open, 100, watcher);
    if (code !== 1012 || bye === null || bye.code !== 1012 || bye.reconnect !== true)
      fail(`watcher ${watcher.i}: closed with ${code}, bye ${JSON.stringify(bye)}`);
    if (watcher.hasBye) fail(`watcher ${watcher.i}: a second bye`);
    watcher.hasBye = true;
    byes.push(bye.retry_after_ms);
    if (byes.length === total) report();
    setTimeout(open, bye.retry_after_ms, watcher);
  });
}

function take(watcher, ws, message, isFresh) {
  const id = message.message_id;
  if (!(isFresh && id <= watcher.seen) && id !== watcher.seen + 1) fail(`watcher ${watcher.i}: ${id} after ${watcher.seen}`);
  watcher.seen = id;
  ws.send(JSON.stringify({ type: "ack", message_id: id }));
  if (id !== end) return;
  ws.close(1000);
  if (++finished === total) process.exit(0);
}

// Seconds of the spread in which watchers come back; none may have more than twice its share.
function report() {
  const seconds = {};
  for (const ms of byes) seconds[Math.floor(ms / 1000)] = (seconds[Math.floor(ms / 1000)] || 0) + 1;
  console.log(JSON.stringify({ byes: byes.length, min: Math.min(...byes), max: Math.max(...byes), seconds }));
}

function fail(text) {
  console.error(text);
  process.exit(1);
}

while (next < Math.min(50, total)) start(next++);
