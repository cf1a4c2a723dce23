// stopped.js BASE TOKEN REQUEST STOPPED LAST: STOPPED watchers of REQUEST that never read, and one that does. Prints "ready" when all are
// connected; when the one that reads has seen ids 1 to LAST in order, a line of JSON: for how long (seconds), and how old an event was when
// it came (milliseconds). Stays until it is killed, and so do the stopped ones.
const net = require("net");
const WebSocket = require("ws");

const [base, token, request, stopped, last] = process.argv.slice(2);
const url = new URL(base), end = Number(last), ages = [];
let open = 0, seen = 0, started = 0;

function ready() {
  if (++open === Number(stopped) + 1) console.log("ready");
}

// Reads the answer to its handshake, and then nothing any more; the kernel's buffers fill up.
function stop(i) {
  const socket = net.connect({ host: url.hostname, port: url.port });
  socket.on("error", () => {});
  socket.write(`GET /api/v1/ws/${request}?subscriber=stopped${i} HTTP/1.1\r\nHost: hub\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer ${token}\r\n\r\n`);
  socket.once("data", (bytes) => {
    socket.pause();
    if (!bytes.toString().startsWith("HTTP/1.1 101")) fail(bytes.toString());
    ready();
  });
}

function watch() {
  const ws = new WebSocket(`${base}/api/v1/ws/${request}?subscriber=active`, { headers: { authorization: "Bearer " + token } });
  ws.on("message", (text) => {
    const message = JSON.parse(text);
    if (message.type === "connection_established") ready();
    if (message.type === "log") take(ws, message);
  });
  ws.on("close", (code) => fail("the one that reads was closed with " + code));
}

function take(ws, message) {
  if (started === 0) started = Date.now();
  if (message.message_id !== ++seen) fail(`${message.message_id} after ${seen - 1}`);
  ages.push(Date.now() - Date.parse(message.timestamp));
  if (seen % 100 === 0) ws.send(JSON.stringify({ type: "ack", message_id: seen }));
  if (seen === end) report();
}

function report() {
  ages.sort((a, b) => a - b);
  const at = (part) => ages[Math.floor(part * (ages.length - 1))];
  console.log(JSON.stringify({ seconds: (Date.now() - started) / 1000, median_ms: at(0.5), p99_ms: at(0.99) }));
}

function fail(text) {
  console.error(text);
  process.exit(1);
}

watch();
for (let i = 0; i < Number(stopped); i++) stop(i);
