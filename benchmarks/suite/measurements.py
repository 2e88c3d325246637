"""What was measured: figures by key, one a round; medians, spreads, ratios within rounds."""
import json
import statistics

from machine import QUIET_CPUS

PARTS = ("forest", "numbers", "linear", "http", "large", "start", "servers")


class Measurements:
    """One part's figures. A key is a path of words: ("s", "vbmi", "one")."""

    def __init__(self, part, data=None):
        self.part = part
        data = data or {}
        self.figures = {tuple(key.split("/")): value
                        for key, value in data.get("figures", {}).items()}
        self.facts = data.get("facts", {})
        self.skipped = data.get("skipped", [])
        self.about = data.get("about", {})
        self.round = 0

    def add(self, key, unit, value, others=0.0):
        """A figure of this round; others: how many processors others used meanwhile."""
        figure = self.figures.setdefault(tuple(key), {"unit": unit, "rounds": {}, "others_cpus": {}})
        figure["rounds"][str(self.round)] = value
        figure["others_cpus"][str(self.round)] = round(others, 3)

    def skip(self, line):
        """Something that cannot be measured here, and why."""
        if line not in self.skipped:
            self.skipped.append(line)

    def rounds(self, *keys):
        """The rounds in which all the figures were taken: those in which nobody else used the
        machine, where they are two or more, and a third."""
        figures = [self.figures.get(tuple(key), {"rounds": {}}) for key in keys]
        every = [r for r in figures[0]["rounds"] if all(r in f["rounds"] for f in figures)]
        quiet = [r for r in every if all(f["others_cpus"][r] <= QUIET_CPUS for f in figures)]
        return quiet if len(quiet) >= max(2, len(every) / 3) else every

    def busy(self, *keys):
        """Whether others used the machine in most rounds that count."""
        rounds = self.rounds(*keys)
        disturbed = [r for r in rounds
                     if any(self.figures[tuple(key)]["others_cpus"][r] > QUIET_CPUS for key in keys)]
        return 2 * len(disturbed) > len(rounds)

    def values(self, *key):
        return [self.figures[tuple(key)]["rounds"][r] for r in self.rounds(key)]

    def median(self, *key):
        values = self.values(*key)
        return statistics.median(values) if values else None

    def ratio(self, above, below):
        """The median of the ratios of two figures in the same rounds; None without both."""
        rounds = self.rounds(above, below)
        over, under = (self.figures[tuple(key)]["rounds"] if rounds else {}
                       for key in (above, below))
        both = [over[r] / under[r] for r in rounds if under[r]]
        return statistics.median(both) if both else None

    def as_data(self):
        figures = {}
        for key, figure in self.figures.items():
            values = self.values(*key)
            figures["/".join(key)] = {
                "unit": figure["unit"],
                "median": statistics.median(values),
                "low": min(values),
                "high": max(values),
                "rounds": figure["rounds"],
                "others_cpus": figure["others_cpus"],
            }
        return {"part": self.part, "about": self.about, "facts": self.facts,
                "skipped": self.skipped, "figures": figures}


def load(folder):
    """All parts that were measured, by name; an empty one for each that was not."""
    parts = {}
    for name in PARTS:
        path = folder / f"{name}.json"
        data = json.loads(path.read_text()) if path.exists() else None
        parts[name] = Measurements(name, data)
    return parts


def save(folder, part):
    write(folder / f"{part.part}.json", part.as_data())


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=1, sort_keys=True) + "\n")
