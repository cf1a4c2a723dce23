// The JavaScript client of the first system's documentation, as a page has it: it opens the socket with the token in
// the query, answers heartbeats, shows what comes and acknowledges what it handled. Only `show`, `WebSocket` and the
// three parameters come from outside. Runs in a page and in node.
function connectToCouncil(base, requestId, token, show, WebSocketClass) {
  const ws = new WebSocketClass(base + "/api/v1/ws/" + requestId + "?token=" + token);

  ws.onmessage = function (event) {
    const message = JSON.parse(event.data);
    switch (message.type) {
      case "heartbeat":
        ws.send(JSON.stringify({ type: "heartbeat_response" }));
        break;
      case "connection_established":
        show(message);
        break;
      default:
        show(message);
        ws.send(JSON.stringify({ type: "ack", message_id: message.message_id }));
    }
  };
  return ws;
}

if (typeof module !== "undefined") module.exports = { connectToCouncil };
