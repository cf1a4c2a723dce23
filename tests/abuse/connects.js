// connects.js PORT N: opens N connections and keeps them, though they may be ended from the other side or never be accepted. Prints "open" once
// N connects have succeeded or failed, and stays until it is killed.
const net = require("net");
const [port, count] = process.argv.slice(2).map(Number);
let settled = 0;

function settle() {
  if (++settled === count) console.log("open");
}

for (let i = 0; i < count; i++) {
  const socket = net.connect({ host: "127.0.0.1", port });
  let isSettled = false;
  const once = () => { if (!isSettled) { isSettled = true; settle(); } };
  socket.on("connect", once);
  socket.on("error", once);
}
