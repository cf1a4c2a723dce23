// first_system.js BASE REQUEST TOKEN UNTIL: runs the documented client under node until an event of type UNTIL;
// prints each message it was shown, one a line, as it came.
const WebSocket = require("ws");
const { connectToCouncil } = require("./first_system_client.js");

const [base, requestId, token, until] = process.argv.slice(2);
const ws = connectToCouncil(base, requestId, token, (message) => {
  console.log(JSON.stringify(message));
  if (message.type === until) setImmediate(() => ws.close(1000));
}, WebSocket);
ws.onclose = (event) => {
  console.error("closed", event.code);
  process.exit(event.code === 1000 ? 0 : 1);
};
ws.onerror = (event) => console.error("error", event.message);
