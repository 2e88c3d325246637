"""The picture: bars of times on logarithmic axes, and how far each target is exceeded. SVG, by
hand."""
import html
import math

from table import LEVEL_NAMES, PEER_NAMES, micro, times

WIDTH = 1040
MARGIN = 24
GAP = 32
LABEL = 192  # columns of a panel: labels, bars, figures
FIGURE = 104
BAR = 17
ROW = 24
INK, FAINT, GRID = "#22313f", "#667788", "#e3e8ee"
COLOURS = {"ours": "#2f9e8f", "level": "#8fcfc5", "floor": "#c9b458", "peer": "#9fb3c8",
           "good": "#2f9e8f", "bad": "#d9694f", "none": "#c8d0d8"}


def text(x, y, words, size=12, anchor="start", colour=INK, weight="normal"):
    return (f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
            f'fill="{colour}" font-weight="{weight}">{html.escape(words)}</text>')


def line(x1, y1, x2, y2, colour=GRID, width=1.0):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
            f'stroke-width="{width}"/>')


def box(x, y, width, height, colour):
    return (f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height}" rx="2" '
            f'fill="{colour}"/>')


class Axis:
    """Powers of ten between the smallest and the greatest figure."""

    def __init__(self, values, x, width):
        self.low = math.floor(math.log10(min(values)) - 0.05)
        self.high = max(math.ceil(math.log10(max(values)) + 0.02), self.low + 1)
        self.x = x
        self.width = width

    def place(self, value):
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.x + self.width * min(max(share, 0), 1)

    def draw(self, top, bottom):
        shapes = []
        for power in range(self.low, self.high + 1):
            x = self.place(10.0 ** power)
            shapes.append(line(x, top, x, bottom))
            shapes.append(text(x, bottom + 13, f"{10.0 ** power:g}", 10, "middle", FAINT))
        return shapes


class Bar:
    def __init__(self, label, kind, value, low=None, high=None, note=""):
        self.label = label
        self.kind = kind
        self.value = value
        self.low = low
        self.high = high
        self.note = note


def panel(x, y, width, title, subtitle, bars):
    """Bars under a title; its shapes and height."""
    shapes = [text(x, y + 12, title, 14, weight="bold"), text(x, y + 28, subtitle, 11, colour=FAINT)]
    top = y + 38
    if not bars:
        shapes.append(text(x, top + 12, "not measured here", 12, colour=FAINT))
        return shapes, 64
    bottom = top + ROW * len(bars)
    values = [bar.value for bar in bars] + [bar.high for bar in bars if bar.high]
    axis = Axis(values, x + LABEL, width - LABEL - FIGURE)
    shapes += axis.draw(top, bottom)
    for i, bar in enumerate(bars):
        middle = top + ROW * i + ROW / 2
        shapes.append(text(x + LABEL - 8, middle + 4, bar.label, 12, "end"))
        shapes.append(box(axis.x, middle - BAR / 2, axis.place(bar.value) - axis.x, BAR,
                          COLOURS[bar.kind]))
        if bar.low and bar.high:
            shapes.append(line(axis.place(bar.low), middle, axis.place(bar.high), middle, INK, 1.4))
        shapes.append(text(x + width - FIGURE + 10, middle + 4, f"{micro(bar.value)}", 12))
        shapes.append(text(x + width, middle + 4, bar.note, 12, "end", FAINT))
    return shapes, bottom - y + 22


def range_of(part, key):
    values = part.values(*key)
    return min(values), max(values)


def bars_of(part, wanted, base):
    """wanted: (label, kind, key); base: the key of what ratios are to."""
    bars = []
    for label, kind, key in wanted:
        value = part.median(*key)
        if value:
            ratio = part.ratio(key, base)
            note = times(ratio) if key != base and ratio else ""
            bars.append(Bar(label, kind, value, *range_of(part, key), note))
    return bars


def forest_panel(forest, model, block):
    levels = forest.facts.get("levels", [])
    versions = forest.facts.get("versions", {})
    wanted = []
    for level in levels[::-1]:
        kind = "ours" if level == levels[-1] else "level"
        wanted.append((f"endpointd, {LEVEL_NAMES[level]}", kind, (model, level, block)))
    for name in ("onedal", "xgboost-debian", "xgboost-pypi", "onnx"):
        if name in versions:
            label = PEER_NAMES[name].split(" (")[0] + " " + versions[name].rsplit(" ", 1)[-1]
            label += ", Python" if name == "onnx" else ""
            wanted.append((label, "peer", (model, name, block)))
    return bars_of(forest, wanted, (model, levels[-1], block)) if levels else []


def http_panel(http, servers, what):
    """Ours beside the limits in one part's runs, beside Python servers in the other's."""
    ours = ("ours", what, "cpu_us")
    if what == "one":
        limits = [(PEER_NAMES["ceiling"], "floor", ("ceiling", "one", "cpu_us"))]
    else:
        limits = [("strtod alone, no server", "floor", ("strtod", "batch"))]
    bars = bars_of(http, [("endpointd", "ours", ours), *limits], ours)
    peers = [(PEER_NAMES[name], "peer", (name, what, "cpu_us"))
             for name in ("fastapi", "flask", "mlserver")]
    return bars + bars_of(servers, peers, ours)


def latency_panel(servers):
    """The median, with a line to the 99.9th percentile."""
    bars = []
    for name in ("ours", "fastapi", "flask", "mlserver"):
        middle = servers.median(name, "open", "p50_us")
        if middle:
            most = servers.median(name, "open", "p999_us")
            bars.append(Bar(PEER_NAMES[name], "ours" if name == "ours" else "peer", middle, middle,
                            most, f"- {micro(most)}"))
    return bars


def memory_panel(servers):
    ours = ("ours", "memory")
    return bars_of(servers, [(PEER_NAMES[name], "ours" if name == "ours" else "peer", (name, "memory"))
                             for name in ("ours", "fastapi", "flask", "mlserver")], ours)


def targets_panel(x, y, width, rows):
    """Each target's share of what was asked: right of the line it is met."""
    rows = [row for row in rows if row.score]
    shapes = [text(x, y + 12, "Targets", 14, weight="bold"),
              text(x, y + 28, "how far each is exceeded (right of the line: met) or missed (left)",
                   11, colour=FAINT)]
    if not rows:
        return shapes, 40
    label, figure = 360, 60
    top = y + 38
    bottom = top + 20 * len(rows)
    values = [row.score for row in rows] + [0.5, 2]
    axis = Axis(values, x + label, width - label - figure)
    shapes += axis.draw(top, bottom)
    one = axis.place(1)
    for i, row in enumerate(rows):
        middle = top + 20 * i + 10
        end = axis.place(row.score)
        shapes.append(text(x + label - 8, middle + 4, row.brief, 11, "end"))
        shapes.append(box(min(one, end), middle - 6, abs(end - one), 12,
                          COLOURS["good" if row.met else "bad"]))
        shapes.append(text(x + width, middle + 4, times(row.score), 11, "end", FAINT))
    shapes.append(line(one, top - 4, one, bottom, INK, 1.4))
    return shapes, bottom - y + 22


def draw(parts, rows):
    forest, http, servers = parts["forest"], parts["http"], parts["servers"]
    microseconds = "microseconds a row, logarithmic; how many times the first"
    request = "microseconds of CPU a request, one core, logarithmic; how many times ours"
    rate = servers.facts.get("open_rate", "?")
    panels = []
    for model, what in (("s", "Model S (100 trees, depth 6)"), ("l", "Model L (1000 trees, depth 8)")):
        for block, count in (("one", "one row"), ("many", "1000 rows")):
            panels.append((f"{what}, {count}, in process", microseconds,
                           forest_panel(forest, model, block)))
    panels += [
        ("One csv row over HTTP", request, http_panel(http, servers, "one")),
        ("1000 csv rows over HTTP", request, http_panel(http, servers, "batch")),
        (f"Latency, {rate} single rows a second", "microseconds, median and line to the 99.9th "
         "percentile, logarithmic", latency_panel(servers)),
        ("Memory of the server", "megabytes after single rows, logarithmic; how many times ours",
         memory_panel(servers)),
    ]
    width = (WIDTH - 2 * MARGIN - GAP) / 2
    shapes, y = [], MARGIN
    for i in range(0, len(panels), 2):
        heights = []
        for j, (title, subtitle, bars) in enumerate(panels[i:i + 2]):
            drawn, height = panel(MARGIN + j * (width + GAP), y, width, title, subtitle, bars)
            shapes += drawn
            heights.append(height)
        y += max(heights) + 18
    drawn, height = targets_panel(MARGIN, y, WIDTH - 2 * MARGIN, rows)
    shapes += drawn
    y += height + MARGIN
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y:.0f}" '
            f'viewBox="0 0 {WIDTH} {y:.0f}" font-family="Helvetica, Arial, sans-serif">\n'
            f'<rect width="100%" height="100%" fill="#ffffff"/>\n' + "\n".join(shapes) + "\n</svg>\n")
