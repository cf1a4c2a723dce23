"""curves: how the hub's cost grows, and what some of its parts cost; for bench/run, which has the systems and the load generator.

Each point is CPU time of the hub per delivery (or per event, where nothing is delivered), the median of some rounds. All points of a
curve are taken in turn, then again, so that what else runs on the machine meets each of them.
"""
import base64, json, os, random, re, select, socket, statistics, threading, time

import __main__ as bench  # run, which is the program

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_s(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def rss_kb(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{pid}/status").read()).group(1))


# --- clients that are no load generator: they stop reading, or take what is compressed --------------------------------

def watch(hub, request, headers="", small=False):
    link = socket.socket()
    if small:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.connect(("127.0.0.1", hub.port))
    key = base64.b64encode(os.urandom(16)).decode()
    link.sendall((f"GET /api/v1/ws/{request} HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                  f"Sec-WebSocket-Key: {key}\r\nAuthorization: Bearer {hub.token}\r\n{headers}\r\n").encode())
    answer = link.recv(65536)
    if not answer.startswith(b"HTTP/1.1 101"):
        raise SystemExit(f"no watcher: {answer[:200]}")
    return link, answer


def publish(link, hub, request, lines):
    body = "".join(lines).encode()
    link.sendall((f"POST /api/v1/requests/{request}/events HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-ndjson\r\n"
                  f"Authorization: Bearer {hub.token}\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body)
    answer = link.recv(65536)
    if not answer.startswith(b"HTTP/1.1 201"):
        raise SystemExit(f"not published: {answer[:200]}")


# --- curves of the load generator ------------------------------------------------------------------------------------

def flow(hub, times, *args):
    return bench.load(hub, ["--warmup", times.warmup, "--seconds", times.seconds] + list(args))


def point(make, args, fill=0):
    def run(times):
        hub = make()
        hub.start()
        try:
            if fill:
                filled = bench.load(hub, ["--scenario", "fill", "--prefix", "old", "--requests", 64, "--publishers", 4, "--pipeline", 256, "--count", fill])
                if "failed" in filled:
                    return filled
            return flow(hub, times, *args)
        finally:
            hub.stop()
    return run


def curves(build, data, full):
    hub = lambda *more: lambda: bench.Hub(build, os.path.join(data, "hub"), more=more)
    found = {}
    for workers in (1, 2):
        make = hub("--workers", workers)
        found[f"watchers of one request, 16 publishers, {workers} worker(s)"] = [
            (n, point(make, ["--watchers", n, "--publishers", 16])) for n in (10, 100, 1000, 5000)]
        found[f"requests with one watcher each, 16 publishers, {workers} worker(s)"] = [
            (n, point(make, ["--requests", n, "--watchers", 1, "--publishers", 16])) for n in (10, 100, 1000, 10000)]
    found["bytes of an event, 100 watchers, 16 publishers"] = [
        (n, point(hub(), ["--watchers", 100, "--publishers", 16, "--bytes", n])) for n in (64, 256, 1024, 4096, 16384)]
    sizes = (0, 100_000, 1_000_000) + ((10_000_000,) if full else ())
    found["events in the store, 64 publishers to 64 new requests"] = [
        (n, point(hub(), ["--requests", 64, "--publishers", 64], fill=n)) for n in sizes]
    return found


def show_curve(title, points, runs):
    print(f"\n| {title} | CPU µs each | per s |\n| ---: | ---: | ---: |")
    for i, (x, _) in enumerate(points):
        good = [run for run in runs[i] if "failed" not in run]
        if not good:
            print(f"| {x:,} | failed | |")
            continue
        each = statistics.median(run["server_us_each"] for run in good)
        rate = statistics.median(run["delivered_per_s"] or run["published_per_s"] for run in good)
        print(f"| {x:,} | {each:.2f} | {bench.number(rate)} |", flush=True)


# --- stopped watchers --------------------------------------------------------------------------------------------------

def stopped(build, data, times, rounds):
    """100 watchers that read, beside 0 and beside 100 that have stopped, of the same request."""
    runs = {0: [], 100: []}
    for turn in range(rounds):
        for count in sorted(runs, reverse=turn % 2 == 1):
            hub = bench.Hub(build, os.path.join(data, "hub"))
            hub.start()
            still = [watch(hub, "r0", small=True)[0] for _ in range(count)]
            bench.load(hub, ["--scenario", "fill", "--publishers", 1, "--pipeline", 64, "--count", 20000, "--bytes", 1024])  # more than sockets hold
            result = flow(hub, times, "--watchers", 100, "--publishers", 16, "--rate", 400, "--bytes", 1024)
            runs[count].append((result, rss_kb(hub.process.pid)))
            for link in still:
                link.close()
            hub.stop()
    print("\n| beside how many stopped watchers | CPU µs a delivery | latency p50, µs | p99, µs | memory of the hub, KB |\n| ---: | ---: | ---: | ---: | ---: |")
    for count, results in runs.items():
        at = lambda name: statistics.median(result[name] for result, _ in results)
        print(f"| {count} | {at('server_us_each'):.2f} | {at('latency_p50_us'):.0f} | {at('latency_p99_us'):.0f} | {statistics.median(kb for _, kb in results):,.0f} |", flush=True)


# --- permessage-deflate ------------------------------------------------------------------------------------------------

WORDS = ("the agent reads file checks test result step error value returns model tokens answer plan query function because next then "
         "found line change commit review search index object server client request stream event number").split()


def prose(rng, size):
    text = ""
    while len(text) < size:
        text += rng.choice(WORDS) + " "
    return text[:size]


def lines_of(size, count):
    rng = random.Random(size)
    return [json.dumps({"type": "tool_result", "data": {"step": i, "agent": f"agent-{i % 7}", "ok": True, "text": prose(rng, size)}}) + "\n" for i in range(count)]


def drain(links, stop, received):
    poll = select.epoll()
    by_fd = {link.fileno(): link for link in links}
    for fd in by_fd:
        poll.register(fd, select.EPOLLIN)
    while not stop.is_set():
        for fd, _ in poll.poll(0.05):
            received[0] += len(by_fd[fd].recv(1 << 18))


def compressed_once(build, data, size, wants, watchers=100, batches=40, each=25):
    """CPU µs and bytes of a delivery; batches one after the other, each to all watchers."""
    hub = bench.Hub(build, os.path.join(data, "hub"), more=("--compression", "on"))
    hub.start()
    try:
        header = "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n" if wants else ""
        links = [watch(hub, "r", header) for _ in range(watchers)]
        if wants != (b"permessage-deflate" in links[0][1]):
            raise SystemExit("compression was not agreed as asked")
        links = [link for link, _ in links]
        stop, received = threading.Event(), [0]
        reader = threading.Thread(target=drain, args=(links, stop, received))
        reader.start()
        publisher = socket.create_connection(("127.0.0.1", hub.port))
        lines = lines_of(size, batches * each)
        time.sleep(0.3)
        before, bytes_before = cpu_s(hub.process.pid), received[0]
        for i in range(batches):
            publish(publisher, hub, "r", lines[i * each:(i + 1) * each])
        while True:  # until it is quiet: the bytes are not known beforehand
            had = received[0]
            time.sleep(0.3)
            if received[0] == had:
                break
        events = batches * each * watchers
        spent, got = cpu_s(hub.process.pid) - before, received[0] - bytes_before
        stop.set()
        reader.join()
        return spent / events * 1e6, got / events
    finally:
        hub.stop()


def deflate(build, data, rounds):
    print("\n| bytes of text in an event | bytes on the wire: plain | compressed | CPU µs a delivery: plain | compressed |\n| ---: | ---: | ---: | ---: | ---: |")
    for size in (100, 1000, 10000):
        runs = {False: [], True: []}
        for _ in range(rounds):
            for wants in runs:
                runs[wants].append(compressed_once(build, data, size, wants))
        median = lambda wants, i: statistics.median(run[i] for run in runs[wants])
        print(f"| {size:,} | {median(False, 1):,.0f} | {median(True, 1):,.0f} | {median(False, 0):.2f} | {median(True, 0):.2f} |", flush=True)


# --- a day ---------------------------------------------------------------------------------------------------------------

def day(build, data, seconds):
    """A day of requests, each of 50 events, pressed into `seconds`: new ones all the time, erased after a tenth of it."""
    hub = bench.Hub(build, os.path.join(data, "hub"))
    hub.start()
    hub.stop()
    hub.spawn([hub.command, "serve", "--listen", "127.0.0.1:0", "--store", "sqlite:" + hub.data + "/hub.db", "--secret-file", hub.secret,
               "--max-connections-per-user", "0", "--log-level", "warn", "--retention", f"{max(seconds // 10, 1)}s"])
    print("\n| s | requests so far | memory of the hub, KB | store, MB |\n| ---: | ---: | ---: | ---: |")
    begin, told, requests = time.time(), 0, 0
    try:
        while time.time() - begin < seconds:
            bench.load(hub, ["--scenario", "fill", "--prefix", f"day{requests}-", "--requests", 100, "--publishers", 4, "--pipeline", 16, "--count", 5000])
            requests += 100
            time.sleep(0.5)
            if time.time() - begin >= told:
                size = sum(os.path.getsize(os.path.join(hub.data, name)) for name in os.listdir(hub.data) if name.startswith("hub.db") and "ballast" not in name)
                print(f"| {time.time() - begin:.0f} | {requests:,} | {rss_kb(hub.process.pid):,} | {size / 1e6:.0f} |", flush=True)
                told += seconds / 10
    finally:
        hub.stop()


def main(args, build, data, parts):
    rounds = args.rounds or (1 if args.quick else 3)
    times = bench.argparse.Namespace(seconds=args.seconds or (1 if args.quick else 3), warmup=0.5)
    wanted = lambda name: not parts or name in parts
    if wanted("cost"):
        for title, points in curves(build, data, args.full).items():
            runs = [[] for _ in points]
            for _ in range(rounds):
                for i, (x, run) in enumerate(points):
                    runs[i].append(run(times))
                    bench.say(f"{title}: {x}: {runs[i][-1].get('server_us_each', 'failed')}")
            show_curve(title, points, runs)
    if wanted("stopped"):
        stopped(build, data, times, rounds)
    if wanted("deflate"):
        deflate(build, data, rounds)
    if wanted("day"):
        day(build, data, 150 if args.quick else 600)
