// A hub whose stream holds one event when somebody comes to watch; the next is committed while the backlog is on its way: asked for the
// request's status it says "completed" before it has sent that event. Of "r" it is what ends it; "before" had ended already.
const http = require("http");
const { WebSocketServer } = require("ws");

const timestamp = "2026-01-01T00:00:00.000Z";
const watchers = {};

const server = http.createServer((request, response) => {
  const id = request.url.split("/").pop();
  response.setHeader("Content-Type", "application/json");
  response.end(JSON.stringify({ request_id: id, status: "completed", last_message_id: 2, count: 2 }));
  if (watchers[id] !== undefined) send(watchers[id], { type: id === "r" ? "final_response" : "log", message_id: 2, data: {} });
  delete watchers[id];
});

function send(socket, message) {
  socket.send(JSON.stringify({ timestamp, ...message }));
}

new WebSocketServer({ server, handleProtocols: () => "councilws.v1" }).on("connection", (socket, request) => {
  const request_id = new URL(request.url, "http://x").pathname.split("/").pop();
  const positions = { first_message_id: 1, last_message_id: 1, resume_from: 0 };
  const times = { heartbeat_interval: 30, inactivity_timeout: 300 };
  const data = { request_id, connection_id: "c", subscriber: "s", epoch: "e", ...positions, ...times, message: "connected" };
  send(socket, { type: "connection_established", message_id: 0, data });
  send(socket, { type: "log", message_id: 1, data: {} });
  watchers[request_id] = socket;
  send(socket, { type: "replay_complete", data: { last_message_id: 1 } });
});

server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
