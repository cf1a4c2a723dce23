"""cluster: several hubs over one log in NATS JetStream (three nats-servers, a copy of the log on each, in files) beside one hub on SQLite; for
bench/run, which has the rest. All of it runs on this machine, over loopback: nothing here says what machines of their own would do, but what
the log and the other hubs cost.
"""
import os, socket, subprocess, statistics, time

import __main__ as bench  # run, which is the program

NODES = 3


class Cluster(bench.Hub):
    """Three nats-servers and some hubs. nats-server 2.9 answers before fsync; each hub's own state is fsynced before it answers."""

    def __init__(self, build, data, hubs):
        super().__init__(build, data)
        self.hubs, self.nodes, self.processes = hubs, [], []

    def launch(self):
        ports = [bench.free_port() for _ in range(2 * NODES)]
        routes = ", ".join(f"nats-route://127.0.0.1:{port}" for port in ports[NODES:])
        self.nodes = []
        for i in range(NODES):
            folder = os.path.join(self.data, f"nats{i}")
            os.makedirs(folder)
            with open(folder + "/nats.conf", "w") as file:
                file.write(f'server_name: n{i}\nlisten: "127.0.0.1:{ports[i]}"\nmax_payload: 8MB\njetstream {{ store_dir: "{folder}" }}\n'
                           f'cluster {{ name: bench, listen: "127.0.0.1:{ports[NODES + i]}", routes: [{routes}] }}\n')
            log = open(folder + "/out", "ab")
            self.nodes.append(subprocess.Popen(["nats-server", "-c", folder + "/nats.conf"], stdout=log, stderr=log))
        self.wait_for_leader(ports[0])
        self.servers = ",".join(f"127.0.0.1:{port}" for port in ports[:NODES])
        super().launch()

    def wait_for_leader(self, port):
        """JetStream answers questions once the three have found each other and one leads."""
        deadline = time.time() + 30
        while time.time() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", port), 1) as link:
                    link.sendall(b"CONNECT {}\r\nSUB told 1\r\nPUB $JS.API.INFO told 0\r\n\r\n")
                    link.settimeout(1)
                    answer = b""
                    while b"account_info_response" not in answer:
                        answer += link.recv(4096) or exit("closed")
                    return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the nats-servers did not find each other")

    def serve(self):
        ports, self.processes = [], []
        for i in range(self.hubs):
            self.spawn([self.command, "serve", "--listen", "127.0.0.1:0", "--store", "nats://" + self.servers, "--nats-state",
                        os.path.join(self.data, f"state{i}.db"), "--durability", "full", "--secret-file", self.secret,
                        "--max-connections-per-user", "0", "--retention", "24h", "--log-level", "warn"])
            ports.append(self.port)
            self.processes.append(self.process)
        self.port = ",".join(map(str, ports))

    def pids(self):
        return [process.pid for process in self.processes + self.nodes]

    def stop(self):
        for self.process in self.processes:
            super().stop()
        for node in self.nodes:
            node.kill()
            node.wait()


def measure(make, times, args):
    system = make()
    system.start()
    try:
        return bench.load(system, ["--warmup", times.warmup, "--seconds", times.seconds] + args, 300)
    finally:
        system.stop()


def scenarios(full):
    found = {"publish": [], "fanout": [], "requests": []}
    for publishers in (1, 16, 64, 256):
        found["publish"].append((f"publish, {publishers} publishers, 64 requests", ["--publishers", publishers, "--requests", 64]))
    for publishers in (1, 16):
        found["fanout"].append((f"1 request, 1,000 watchers, {publishers} publishers", ["--publishers", publishers, "--watchers", 1000]))
    for requests in (1000, 100_000) + ((1_000_000,) if full else ()):
        found["requests"].append((f"publish, 64 publishers, {requests:,} requests", ["--publishers", 64, "--requests", requests]))
    return found


def middle(runs, key):
    return statistics.median(run[key] for run in runs)


def show(title, name, runs):
    good = [run for run in runs if "failed" not in run]
    if not good:
        print(f"| {title} | {name} | failed | | | | |", flush=True)
        return
    rate = middle(good, "delivered_per_s") or middle(good, "published_per_s")
    print(f"| {title} | {name} | {bench.number(rate)} | {middle(good, 'ack_p50_us') / 1e3:.2f} | {middle(good, 'ack_p99_us') / 1e3:.1f} | "
          f"{middle(good, 'server_us_each'):.1f} | {min(r['published_per_s'] for r in good):.0f} to {max(r['published_per_s'] for r in good):.0f} |", flush=True)


def main(args, build, data, parts):
    rounds = args.rounds or (1 if args.quick else 3)
    times = bench.argparse.Namespace(seconds=args.seconds or (2 if args.quick else 4), warmup=1)
    systems = {"1 hub, SQLite": lambda: bench.Hub(build, os.path.join(data, "hub"))}
    for hubs in (1, 2, 3):
        systems[f"{hubs} hub(s), NATS"] = lambda hubs=hubs: Cluster(build, os.path.join(data, "hub"), hubs)
    print("| | | events (or deliveries) a second | answered after, p50 ms | p99 ms | CPU µs each, hubs and nats-servers | published a second, from to |")
    print("| --- | --- | ---: | ---: | ---: | ---: | --- |")
    for part, cases in scenarios(args.full).items():
        if parts and part not in parts:
            continue
        for title, load in cases:
            runs = {name: [] for name in systems}
            for _ in range(rounds):
                for name, make in systems.items():
                    runs[name].append(measure(make, times, load))
                    bench.say(f"{title}: {name}: {bench.number(runs[name][-1].get('published_per_s'))}")
            for name in systems:
                show(title, name, runs[name])
