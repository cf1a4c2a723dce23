// proxy: what may stand between a page and a hub: lets no WebSocket through, cuts what there is, or swallows it in silence.
import { connect, createServer } from "node:net";

export class Proxy {
  // To the port that `hub` has at the time.
  static async start(hub) {
    const proxy = new Proxy();
    Object.assign(proxy, { pairs: new Set(), refusesUpgrades: false, isDown: false });
    proxy.server = createServer((client) => proxy.#serve(client, hub.port));
    await new Promise((resolve) => proxy.server.listen(0, "127.0.0.1", resolve));
    proxy.port = proxy.server.address().port;
    proxy.url = `http://127.0.0.1:${proxy.port}`;
    return proxy;
  }

  #serve(client, port) {
    if (this.isDown) return client.resetAndDestroy();
    const hub = connect(port, "127.0.0.1");
    const pair = { client, hub, isSilent: false };
    this.pairs.add(pair);
    client.on("data", (bytes) => {
      if (this.refusesUpgrades && /\r\nupgrade: websocket\r\n/i.test(bytes)) client.end("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      else if (!pair.isSilent) hub.write(bytes);
    });
    hub.on("data", (bytes) => pair.isSilent || client.write(bytes));
    for (const [from, to] of [[client, hub], [hub, client]]) {
      from.on("error", () => to.destroy());
      from.on("close", () => this.pairs.delete(pair) && to.destroy());
    }
  }

  // Every connection there is goes on in silence, as over a network that is gone: nobody says so.
  hush() {
    for (const pair of this.pairs) pair.isSilent = true;
  }

  // Every connection there is, at once; and refuses new ones until isDown is false again.
  cut() {
    this.isDown = true;
    for (const { client, hub } of this.pairs) {
      client.resetAndDestroy();
      hub.destroy();
    }
  }

  end() {
    this.cut();
    this.server.close();
  }
}
