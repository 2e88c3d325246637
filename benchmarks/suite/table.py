"""The table of targets: what was measured, against what, and whether the target is met."""

XGBOOST = ("xgboost-debian", "xgboost-pypi")
PEERS = (*XGBOOST, "onedal")
LEVEL_NAMES = {"baseline": "portable", "avx2": "AVX2", "avx512": "AVX-512F",
               "vbmi": "AVX-512 VBMI"}
PEER_NAMES = {"xgboost-debian": "libxgboost (Debian)", "xgboost-pypi": "libxgboost (PyPI)",
              "onedal": "oneDAL", "onnx": "ONNX Runtime (Python)", "ours": "endpointd",
              "ceiling": "raw epoll, fixed reply", "layer": "our HTTP layer, fixed reply",
              "fastapi": "FastAPI on uvicorn", "flask": "Flask on gunicorn",
              "mlserver": "MLServer"}

# model, rows at a time, level, least ratio to each peer
IN_PROCESS = (
    ("s", "one", "vbmi", (50, 150, 10)),
    ("s", "one", "avx2", (25, 50, 5)),
    ("s", "many", "vbmi", (12, 10, 4)),
    ("s", "many", "avx512", (6, 4, 2)),
    ("s", "many", "avx2", (4, 2.5, 1)),
    ("l", "one", "vbmi", (None, 150, 10)),
    ("l", "many", "vbmi", (None, 8, 3)),
)
VARIANT_RATIO = 2


class Row:
    def __init__(self, what, against, target, brief=None):
        self.what = what
        self.against = against
        self.target = target
        self.brief = brief or what  # for the picture
        self.measured = "-"
        self.met = None  # not measured, or nothing to be met
        self.share = ""  # where not all of what is against was here
        self.busy = False  # others used the machine meanwhile
        self.score = None  # how far the target is exceeded: 1 is just met

    def judge(self, *scores):
        """Each is how far one part of the target is exceeded; None where it has no figure."""
        known = [score for score in scores if score]
        if not known:
            return self
        self.share = f" ({len(known)} of {len(scores)})" if len(known) < len(scores) else ""
        self.score = min(known)
        self.met = self.score >= 1
        return self

    def took(self, part, *keys):
        """The figures that decide; those that there are."""
        self.busy = self.busy or any(part.busy(key) for key in keys if part.values(*key))
        return self

    def as_data(self):
        return {"what": self.what, "against": self.against, "measured": self.measured,
                "target": self.target, "met": self.verdict(), "times_the_target": self.score}

    def verdict(self):
        words = {True: "met" + self.share, False: "not met", None: "-"}[self.met]
        return words + (", busy" if self.busy and self.met is not None else "")


def times(ratio):
    if ratio is None:
        return "-"
    return f"{ratio:.0f}x" if ratio >= 100 else f"{ratio:.1f}x" if ratio >= 10 else f"{ratio:.2f}x"


def micro(value):
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def no_figure(row, part, *words):
    """The reason why a row has no figure, among the lines of what could not be measured."""
    for line in part.skipped:
        if any(word in line for word in words):
            row.measured = f"not measured: {line}"
            return row
    row.measured = "not measured"
    return row


def peer_name(part, name):
    version = part.facts.get("versions", {}).get(name, "")
    version = version.rsplit(" ", 1)[-1]
    short = PEER_NAMES[name].split(" (")[0]
    return f"{short} {version}".strip()


def model_name(name):
    return {"s": "S", "l": "L"}.get(name, name)


def in_process(forest, model, block, level, targets):
    rows = {"one": "one row", "many": "1000 rows"}[block]
    wanted = [(peer, least) for peer, least in zip(PEERS, targets) if least]
    row = Row(f"{model_name(model)}, {rows}, in process, {LEVEL_NAMES[level]}",
              " / ".join(peer_name(forest, peer) for peer, _ in wanted),
              ">= " + " / ".join(f"{least:g}x" for _, least in wanted))
    ours = forest.median(model, level, block)
    if ours is None:
        return no_figure(row, forest, f"level {level}", f"{level}, model {model}", "forest:")
    ratios = [(forest.ratio((model, peer, block), (model, level, block)), least)
              for peer, least in wanted]
    row.measured = f"{micro(ours)} us; " + " / ".join(times(ratio) for ratio, _ in ratios)
    row.took(forest, *((model, name, block) for name in (level, *(p for p, _ in wanted))))
    return row.judge(*(ratio and ratio / least for ratio, least in ratios))


def variant(forest, model, what, level):
    row = Row(what, " / ".join(peer_name(forest, p) for p in XGBOOST),
              f">= {VARIANT_RATIO}x everywhere", f"{what}, in process")
    figures, scores = [], []
    for block in ("one", "many"):
        ratios = [forest.ratio((model, peer, block), (model, level, block)) for peer in XGBOOST]
        scores += [ratio and ratio / VARIANT_RATIO for ratio in ratios]
        figures.append(f"{micro(forest.median(model, level, block))} us; "
                       + " / ".join(times(ratio) for ratio in ratios))
        row.took(forest, *((model, name, block) for name in (level, *XGBOOST)))
    row.measured = f"1 row: {figures[0]}. 1000 rows: {figures[1]}"
    return row.judge(*scores)


def bits(forest):
    found = {}
    for model, peers in forest.facts.get("differing", {}).items():
        for name, count in peers.items():
            found.setdefault(name, []).append((model, count))
    row = Row("margins of 1000 rows, every model and level", "ours at the lowest level",
              "0 rows differ in a bit")
    texts = []
    for name in sorted(found, key=lambda n: (n in PEERS, n)):
        label = peer_name(forest, name) if name in PEERS else LEVEL_NAMES[name]
        wrong = [f"{count} ({model})" for model, count in found[name] if count]
        texts.append(f"{label}: {', '.join(wrong) or '0'} of {len(found[name])} models")
    if not texts:
        return row
    row.measured = "; ".join(texts)
    row.met = not any(count for pairs in found.values() for _, count in pairs)
    return row


def forest_rows(forest):
    rows = [in_process(forest, *target) for target in IN_PROCESS]
    levels = forest.facts.get("levels", [])
    for model, what in forest.facts.get("models", []):
        if model not in ("s", "l") and levels:
            rows.append(variant(forest, model, what, levels[-1]))
    rows.append(bits(forest))
    return rows


def one_row_http(http):
    row = Row("one csv row over HTTP, 16 connections, one core: CPU a request",
              "raw epoll with a fixed reply", "<= 1.15x; p99 <= 2x",
              "one csv row over HTTP, against raw epoll")
    cpu = http.ratio(("ours", "one", "cpu_us"), ("ceiling", "one", "cpu_us"))
    p99 = http.ratio(("ours", "one", "p99_us"), ("ceiling", "one", "p99_us"))
    if not cpu:
        return no_figure(row, http, "HTTP", "http:")
    row.measured = (f"{http.median('ours', 'one', 'cpu_us'):.2f} us against "
                    f"{http.median('ceiling', 'one', 'cpu_us'):.2f}, {times(cpu)}; p99 "
                    f"{http.median('ours', 'one', 'p99_us'):.0f} us, {times(p99)}")
    row.took(http, *((name, "one", what) for name in ("ours", "ceiling")
                     for what in ("cpu_us", "p99_us")))
    return row.judge(1.15 / cpu, 2 / p99)


def batch_http(http, name, level, most):
    row = Row(f"1000 x 30 csv rows over HTTP, one core, {LEVEL_NAMES[level]}: CPU a request",
              "strtod over the same text", f"<= {most:.2f}x",
              f"1000 csv rows over HTTP, {LEVEL_NAMES[level]}, against strtod")
    ratio = http.ratio((name, "batch", "cpu_us"), ("strtod", "batch"))
    if not ratio:
        return no_figure(row, http, f"level {level}", "--cpu", "http:")
    row.measured = (f"{http.median(name, 'batch', 'cpu_us'):.0f} us against "
                    f"{http.median('strtod', 'batch'):.0f}, {times(ratio)}")
    return row.took(http, (name, "batch", "cpu_us"), ("strtod", "batch")).judge(most / ratio)


def connections_http(http):
    row = Row("1000 connections", "16 connections", ">= 0.75x the requests",
              "1000 connections against 16")
    ratio = http.ratio(("ours", "many", "rate"), ("ours", "one", "rate"))
    if not ratio:
        return no_figure(row, http, "HTTP", "http:")
    row.measured = (f"{http.median('ours', 'many', 'rate'):.0f} against "
                    f"{http.median('ours', 'one', 'rate'):.0f} a second, {times(ratio)}")
    return row.took(http, ("ours", "many", "rate"), ("ours", "one", "rate")).judge(ratio / 0.75)


def http_rows(http):
    levels = http.facts.get("levels", [])
    best = levels[-1] if levels else "vbmi"
    return [one_row_http(http),
            batch_http(http, "ours" if best == "vbmi" else "none", "vbmi", 0.25),
            batch_http(http, "ours" if best == "avx2" else "ours-avx2", "avx2", 0.40)]


def numbers_row(numbers):
    row = Row("csv number parsing, text to float32", "glibc strtod",
              ">= 8x on 4-9 digits, >= 3.5x on 17", "csv number parsing, against strtod")
    levels = numbers.facts.get("levels", [])
    if not levels:
        return no_figure(row, numbers, "numbers:")
    ratios = {}
    for text in ("4 digits", "6 digits", "9 digits", "17 digits"):
        ratios[text] = numbers.ratio((levels[-1], text, "strtod"), (levels[-1], text, "decoder"))
    row.measured = ", ".join(f"{text} {times(ratio)}" for text, ratio in ratios.items())
    few = min(ratio for text, ratio in ratios.items() if text != "17 digits")
    row.took(numbers, *((levels[-1], text, side) for text in ratios for side in ("strtod", "decoder")))
    return row.judge(few / 8, ratios["17 digits"] / 3.5)


def json_row(linear):
    """Dense numbers in JSON; what carries more than numbers is in the details."""
    row = Row("JSON bodies of numbers, text to float32 rows", "jansson's json_loadb (a tree)",
              ">= 10x the MB/s", "JSON bodies, against jansson")
    forms = linear.facts.get("json", [])
    ratios = [linear.ratio(("json", form, "ours"), ("json", form, "jansson")) for form in forms]
    ratios = [ratio for ratio in ratios if ratio]
    if not ratios:
        return no_figure(row, linear, "linear:")
    row.measured = f"{times(min(ratios))} to {times(max(ratios))} in {len(ratios)} forms"
    row.took(linear, *(("json", form, who) for form in forms for who in ("ours", "jansson")))
    return row.judge(min(ratios) / 10)


def linear_row(linear):
    """The kernel that a model gets, in blocks, whatever the processor."""
    row = Row("Linear Learner, 30 and 1000 features x 1 and 10 outputs, batches of 100",
              "a plain loop / sgemm", "reported", "Linear Learner, against a plain loop")
    figures = []
    for shape in linear.facts.get("shapes", []):
        best = best_linear(linear, shape, "100")
        if best:
            ratios = [linear.ratio(("linear", shape, "100", "loop"), best),
                      linear.ratio(("product", shape, "100", "sgemm"), best)]
            figures.append(f"{shape}: {linear.median(*best):.3g} ns a row, "
                           + " / ".join(times(ratio) for ratio in ratios))
    if not figures:
        return no_figure(row, linear, "linear:")
    row.measured = "; ".join(figures)
    return row


def best_linear(linear, shape, batch):
    """The key of the figure of the exact kernel for the highest level that there is."""
    for level in ("avx512", "avx2", "baseline"):
        key = ("linear", shape, batch, f"linear-loop-{level}")
        if linear.values(*key):
            return key
    return None


def large_rows(large):
    memory = Row("20 MB csv body: peak memory", "the idle server's",
                 "<= idle + response + 16 MB")
    cores = Row("20 MB csv bodies: two cores", "one core", ">= 1.8x",
                "20 MB csv bodies, two cores against one")
    beside = Row("a single-row client beside one that posts 20 MB bodies without end", "alone",
                 "p99 <= 3 ms", "p99 of single rows beside 20 MB bodies without end")
    ping = Row("/ping while every core scores 20 MB bodies", "the 2 s limit", "p99.9 <= 20 ms",
               "p99.9 of /ping while every core scores")
    if not large.values("memory", "peak"):
        return [no_figure(row, large, "large") for row in (memory, cores, beside, ping)]
    idle, peak, response = (large.median("memory", what) for what in ("idle", "peak", "response"))
    memory.measured = f"idle {idle:.1f}, peak {peak:.1f}, response {response:.1f} MB"
    memory.judge((response + 16) / max(peak - idle, 0.1))
    ratios = [large.ratio(("two cores", count, "rate"), ("one core", count, "rate"))
              for count in ("1 at a time", "2 at a time")]
    if all(ratios):
        apart = large.ratio(("two cores", "1 at a time", "rate"), ("one", "1 at a time", "rate"))
        client = large.facts.get("client")
        cores.measured = (f"one body at a time {times(ratios[0])}, two {times(ratios[1])}; the "
                          f"client {client} processors in both"
                          + (f" (were it on the other while the server has one: {times(apart)})"
                             if client == "on the same" else ""))
        cores.took(large, *((name, "1 at a time", "rate") for name in ("one core", "two cores")))
        cores.judge(ratios[0] / 1.8)
    else:
        no_figure(cores, large, "one processor")
    names = {"one": "one core", "all": "all cores"}
    found = [name for name in names if large.values(name, "beside", "p99_us")]
    beside.measured = "; ".join(
        f"{names[name]}: {large.median(name, 'beside', 'p99_us') / 1e3:.2f} ms "
        f"(alone {large.median(name, 'alone', 'p99_us') / 1e3:.2f})" for name in found)
    beside.took(large, *((name, "beside", "p99_us") for name in found))
    beside.judge(*(3000 / large.median(name, "beside", "p99_us") for name in found))
    ping.measured = (f"p50 {large.median('all', 'ping', 'p50_us') / 1e3:.2f}, p99.9 "
                     f"{large.median('all', 'ping', 'p999_us') / 1e3:.2f}, most "
                     f"{large.median('all', 'ping', 'max_us') / 1e3:.2f} ms")
    ping.took(large, ("all", "ping", "p999_us"))
    ping.judge(20000 / large.median("all", "ping", "p999_us"))
    return [memory, cores, beside, ping]


def start_rows(start):
    first = Row("exec to first healthy /ping, model S", "-", "<= 20 ms")
    memory = Row("memory idle (VmRSS) with model S", "-", "<= 12 MB")
    if not start.values("start"):
        return [no_figure(first, start, "start:"), no_figure(memory, start, "start:")]
    first.measured = f"{start.median('start'):.1f} ms"
    first.took(start, ("start",)).judge(20 / start.median("start"))
    started, served = (start.median("memory", what) for what in ("started", "served"))
    memory.measured = f"started {started:.1f} MB, after requests {served:.1f} MB"
    memory.judge(12 / max(started, served))
    return [first, memory]


def server_rows(servers):
    rows = []
    for name, least in (("fastapi", 35), ("flask", None), ("mlserver", 80)):
        row = Row("one csv row over HTTP, 16 connections, one core: CPU a request",
                  PEER_NAMES[name], f">= {least}x less" if least else "reported",
                  f"one csv row over HTTP, against {PEER_NAMES[name]}")
        ratio = servers.ratio((name, "one", "cpu_us"), ("ours", "one", "cpu_us"))
        if not ratio:
            rows.append(no_figure(row, servers, name, "servers:"))
            continue
        row.measured = (f"{servers.median('ours', 'one', 'cpu_us'):.2f} us against "
                        f"{servers.median(name, 'one', 'cpu_us'):.0f}, {times(ratio)}")
        if least:
            row.took(servers, *((server, "one", "cpu_us") for server in (name, "ours")))
            row.judge(ratio / least)
        rows.append(row)
    return rows


def rows_of(parts):
    """All rows, in the order in which a reader wants them."""
    return [*forest_rows(parts["forest"]), *http_rows(parts["http"]),
            numbers_row(parts["numbers"]), json_row(parts["linear"]), linear_row(parts["linear"]),
            *large_rows(parts["large"]),
            *start_rows(parts["start"]), connections_http(parts["http"]),
            *server_rows(parts["servers"])]
