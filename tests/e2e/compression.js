// compression.js URL TOKEN COUNT OFFER: follows a request with a stock client that offers compression (OFFER yes or no), publishes one more
// event when it has COUNT, compressed where that was agreed to, and prints: the extensions agreed to, the bytes read, then each event's data.
const WebSocket = require("ws");

const [url, token, count, offer] = process.argv.slice(2);
const ws = new WebSocket(url, {
  headers: { authorization: "Bearer " + token },
  perMessageDeflate: offer === "yes" ? { threshold: 0 } : false,
});
const lines = [];

ws.on("message", (bytes) => {
  const text = bytes.toString();
  const message = JSON.parse(text);
  if (message.type === "protocol_error") fail(text);
  if (message.type !== "log") return;
  lines.push(text.slice(text.indexOf('"data":') + 7, -1));
  if (lines.length === Number(count)) ws.send(JSON.stringify({ type: "publish", event: { type: "log", data: { last: "x".repeat(1000) } } }));
  if (lines.length <= Number(count)) return;
  console.log(ws.extensions || "none");
  console.log(ws._socket.bytesRead);
  console.log(lines.join("\n"));
  ws.close(1000);
});
ws.on("error", (error) => fail(error.message));
ws.on("close", (code) => code === 1005 || code === 1000 || fail("closed with " + code));

function fail(text) {
  console.error(text);
  process.exit(1);
}
