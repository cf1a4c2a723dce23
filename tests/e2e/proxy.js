// proxy.js TARGET_PORT: a TCP proxy on a port of its own, printed on stdout. SIGUSR2 cuts every connection (RST) and refuses new
// ones for half a second: what a network does when it goes away.
const net = require("net");

const target = Number(process.argv[2]);
const sockets = new Set();
let isDown = false;

const server = net.createServer((client) => {
  if (isDown) return client.resetAndDestroy();
  const hub = net.connect(target, "127.0.0.1");
  for (const [from, to] of [[client, hub], [hub, client]]) {
    sockets.add(from);
    from.pipe(to);
    from.on("error", () => to.destroy());
    from.on("close", () => { sockets.delete(from); to.destroy(); });
  }
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));

process.on("SIGUSR2", () => {
  isDown = true;
  for (const socket of sockets) socket.resetAndDestroy();
  setTimeout(() => { isDown = false; }, 500);
});
