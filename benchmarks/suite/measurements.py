"""What was measured: figures by key, one a round; medians, spreads, ratios within rounds."""
import json
import statistics

PARTS = ("forest", "numbers", "http", "large", "start", "servers")


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
        """A figure of this round."""
        figure = self.figures.setdefault(tuple(key), {"unit": unit, "rounds": {}})
        figure["rounds"][str(self.round)] = value
        figure["others_cpus"] = round(max(others, figure.get("others_cpus", 0.0)), 3)

    def skip(self, line):
        """Something that cannot be measured here, and why."""
        if line not in self.skipped:
            self.skipped.append(line)

    def values(self, *key):
        return list(self.figures.get(tuple(key), {"rounds": {}})["rounds"].values())

    def median(self, *key):
        values = self.values(*key)
        return statistics.median(values) if values else None

    def ratio(self, above, below):
        """The median of the ratios of two figures in the same rounds; None without both."""
        over = self.figures.get(tuple(above), {"rounds": {}})["rounds"]
        under = self.figures.get(tuple(below), {"rounds": {}})["rounds"]
        both = [over[r] / under[r] for r in over if under.get(r)]
        return statistics.median(both) if both else None

    def as_data(self):
        figures = {}
        for key, figure in self.figures.items():
            values = list(figure["rounds"].values())
            figures["/".join(key)] = {
                "unit": figure["unit"],
                "median": statistics.median(values),
                "low": min(values),
                "high": max(values),
                "rounds": figure["rounds"],
                "others_cpus": figure.get("others_cpus", 0.0),
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
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(part.as_data(), indent=1, sort_keys=True)
    (folder / f"{part.part}.json").write_text(text + "\n")
