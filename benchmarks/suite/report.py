"""What is made of the figures: the table on the terminal, the results in README.md, the picture."""
import textwrap

import chart
import measurements
import table
from table import PEER_NAMES, micro

BEGIN = "<!-- results: begin (written by run.sh) -->"
END = "<!-- results: end -->"
HEADS = ("what", "against", "measured", "target", "met")


def cells_of(row):
    return (row.what, row.against, row.measured, row.target, row.verdict())


def terminal(rows):
    """The table for a terminal: each row's cells wrapped."""
    widths = (34, 22, 44, 20, 13)
    lines = []
    for cells in (HEADS, *map(cells_of, rows)):
        columns = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, widths)]
        for i in range(max(map(len, columns))):
            line = "  ".join((column[i] if i < len(column) else "").ljust(width)
                             for column, width in zip(columns, widths))
            lines.append(line.rstrip())
        lines.append("")
    return "\n".join(lines)


def markdown(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    lines += ["| " + " | ".join(cells) + " |" for cells in rows]
    return "\n".join(lines)


def spread(part, *key):
    """The median, and in brackets the least and the greatest round."""
    values = part.values(*key)
    if not values:
        return "-"
    middle = part.median(*key)
    return f"{micro(middle)} ({micro(min(values))}-{micro(max(values))})"


def label_of(model, what):
    return f"{table.model_name(model)}: {what}" if model in ("s", "l") else what


def in_process(forest):
    levels = forest.facts.get("levels", [])[::-1]
    names = [*levels, *(p for p in ("xgboost-debian", "xgboost-pypi", "onedal", "onnx")
                        if p in forest.facts.get("versions", {}))]
    heads = ["us a row", "rows"]
    heads += [f"endpointd, {table.LEVEL_NAMES[name]}" if name in levels
              else forest.facts["versions"][name] for name in names]
    if "onnx" in names:
        heads[-1] += " (Python)"
    rows = []
    for model, what in forest.facts.get("models", []):
        label = label_of(model, what)
        for block, count in (("one", "1"), ("many", "1000")):
            rows.append([label, count, *(spread(forest, model, name, block) for name in names)])
    return heads, rows


def kernels(forest):
    """Which kernels were chosen for each model at each level of instructions."""
    levels = forest.facts.get("levels", [])[::-1]
    rows = []
    for model, what in forest.facts.get("models", []):
        chosen = forest.facts.get("kernels", {}).get(model, {})
        rows.append([label_of(model, what), *(chosen.get(level, "-") for level in levels)])
    return ["kernels", *(table.LEVEL_NAMES[level] for level in levels)], rows


def over_http(http, servers):
    heads = ["server, one core", "CPU us a request", "requests a second", "p50 / p99 us",
             "1000 rows: CPU us a request"]
    rows = []
    for name in ("ceiling", "layer", "ours", "ours-avx512", "ours-avx2", "ours-baseline"):
        if http.values(name, "one", "cpu_us"):
            label = PEER_NAMES.get(name) or f"endpointd --cpu {name.split('-')[1]}"
            rows.append([label, *http_cells(http, name)])
    for name in ("fastapi", "flask", "mlserver"):
        if servers.values(name, "one", "cpu_us"):
            rows.append([PEER_NAMES[name], *http_cells(servers, name)])
    return heads, rows


def http_cells(part, name):
    latency = " / ".join(micro(part.median(name, "one", p)) for p in ("p50_us", "p99_us"))
    return [spread(part, name, "one", "cpu_us"), f"{part.median(name, 'one', 'rate'):.0f}", latency,
            spread(part, name, "batch", "cpu_us")]


def open_loop(http, servers):
    heads = ["server, one core", "requests a second", "p50", "p99", "p99.9", "most"]
    rows = []
    for part, names in ((http, ("ceiling", "ours")),
                        (servers, ("ours", "fastapi", "flask", "mlserver"))):
        for name in names:
            if part.values(name, "open", "p50_us"):
                figures = (micro(part.median(name, "open", figure))
                           for figure in ("p50_us", "p99_us", "p999_us", "max_us"))
                rows.append([PEER_NAMES[name], str(part.facts["open_rate"]), *figures])
    return heads, rows


def grouped(parts, describe):
    """What is to be said of the parts, once where it is the same for all of them."""
    groups = {}
    for name, part in parts.items():
        if part.about:
            groups.setdefault(describe(part.about), []).append(name)
    if len(groups) == 1:
        return next(iter(groups))
    return "\n".join(f"- {', '.join(names)}: {text}" for text, names in groups.items())


def machine_of(about):
    box = about["machine"]
    return (f"{box['processor']} ({box['family']}; {', '.join(box['instructions'])}), {box['cpus']} "
            f"processors{' of a virtual machine' if box['virtual'] else ''}, "
            f"{box['memory_mb'] // 1024} GB; {''.join(box['system'])}, Linux {box['kernel']}, "
            f"{box['libc']}, {box['compiler']}.")


def moment_of(about):
    return f"Commit {about['machine']['commit'] or 'not known'}, {about['date'][:10]}."


def about(parts):
    return grouped(parts, machine_of) + "\n\n" + grouped(parts, moment_of)


def busy(parts):
    found = [(name, part.about["busy"]) for name, part in parts.items()
             if part.about.get("busy", {}).get("disturbed")]
    if not found:
        return "Nobody else used the machine meanwhile."
    return "The machine was not ours alone: " + "; ".join(
        f"{name}: in {state['disturbed']} measurements others used up to "
        f"{state['worst_others_cpus']:.2f} processors" for name, state in found) + "."


def versions(parts):
    found = {}
    for part in parts.values():
        for name, words in part.facts.get("versions", {}).items():
            if name not in table.LEVEL_NAMES:
                found.update(dict.fromkeys(words.split(", ")))
    return ", ".join(found)


def linear_learner(linear):
    heads = ["Linear Learner", "batch", "ns a row", "plain loop", "sgemm alone",
             "factorization machines", "PCA"]
    rows = []
    for shape in linear.facts.get("shapes", []):
        for batch in linear.facts["batches"]:
            best = table.best_linear(linear, shape, batch)
            others = [("linear", shape, batch, "loop"), ("product", shape, batch, "sgemm"),
                      ("factorization", shape, batch, "factorization"),
                      ("projection", shape, batch, "projection")]
            cells = [spread(linear, *key) if linear.values(*key) else "-" for key in others]
            rows.append([shape, batch, f"{spread(linear, *best)} ({best[3]})", *cells])
    return heads, rows


def nearest(linear):
    heads = ["nearest points", "batch", "us a row", "plain loop"]
    rows = []
    for algorithm, shape in linear.facts.get("nearest", []):
        for batch in ("1", "100", "1000"):
            cells = [linear.median(algorithm, shape, batch, who) for who in ("ours", "loop")]
            if all(cells):
                rows.append([f"{algorithm}, {shape}", batch, *(micro(cell / 1e3) for cell in cells)])
    return heads, rows


def json_bodies(linear):
    heads = ["JSON to rows", "MB/s", "jansson", "times csv's time for the same numbers"]
    rows = []
    for form in linear.facts.get("json", []):
        cells = [linear.median("json", form, who) for who in ("ours", "jansson")]
        of_csv = linear.median("json", form, "of csv")
        rows.append([form, *(f"{cell:.0f}" for cell in cells), f"{1 / of_csv:.2f}"])
    return heads, rows


def results(parts, rows):
    forest, http, servers = parts["forest"], parts["http"], parts["servers"]
    skipped = [line for part in parts.values() for line in part.skipped]
    pieces = [
        about(parts), busy(parts), f"Peers: {versions(parts) or 'none'}.",
        "![times and ratios](results/results.svg)", markdown(HEADS, map(cells_of, rows)),
        "In process, medians of the rounds and their range.", markdown(*in_process(forest)),
        markdown(*kernels(forest)),
        "Over HTTP, one csv row a request, 16 connections in a closed loop; last column: 1000 rows "
        "a request, 4 connections.", markdown(*over_http(http, servers)),
        "Latencies in an open loop, in microseconds from when a request was due.",
        markdown(*open_loop(http, servers)),
    ]
    linear = parts["linear"]
    if linear.about:
        pieces += [
            f"Linear Learner and its siblings in process: features x outputs; "
            f"{linear.facts.get('blas', 'no BLAS')}.",
            markdown(*linear_learner(linear)), markdown(*nearest(linear)),
            "JSON bodies: 1000 records of 30 numbers, 100 of 784.",
            markdown(*json_bodies(linear))]
    if skipped:
        pieces.append("Not measured:\n\n" + "\n".join(f"- {line}" for line in skipped))
    return "\n\n".join(pieces)


def write(parts, folder, readme):
    """Writes picture and README.md, where there is one to write; returns the terminal's table."""
    rows = table.rows_of(parts)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.svg").write_text(chart.draw(parts, rows))
    measurements.write(folder / "targets.json", [row.as_data() for row in rows])
    if readme:
        before, rest = readme.read_text().split(BEGIN)
        after = rest.split(END)[1]
        readme.write_text(f"{before}{BEGIN}\n\n{results(parts, rows)}\n\n{END}{after}")
    lines = [terminal(rows), about(parts), busy(parts)]
    return "\n".join([*lines, f"figures and picture: {folder}"])
