"""In process: microseconds a row of our kernels and of libraries, one row and 1000 at a time."""
import itertools
import random
import struct

import machine
from programs import Failed, forest_command, row_arguments

MAIN = ("s", "l")
VARIANTS = ("missing", "categorical", "wide", "deep", "few", "thresholds", "leaves64",
            "leaves255", "classes")
VARIANTS_QUICK = ("missing", "deep")
ONNX_MODELS = ("s", "l")
XGBOOST_PYPI = "lib/python3*/site-packages/xgboost/lib/libxgboost.so"


def onedal_program(bench):
    """Compiled where oneDAL is installed among the peers; else raises Failed."""
    include = bench.peers / "include"
    libraries = [next(iter(sorted((bench.peers / "lib").glob(name))), None)
                 for name in ("libonedal_core.so*", "libonedal_thread.so*", "libtbb.so*")]
    if not (include / "daal.h").exists() or None in libraries:
        raise Failed("oneDAL is not installed (run.sh peers)")
    program = bench.folder / "peer_onedal"
    source = bench.root / "benchmarks" / "peers" / "peer_onedal.cpp"
    header = bench.root / "benchmarks" / "row_timing.h"
    newest = max(source.stat().st_mtime, header.stat().st_mtime)
    if not program.exists() or program.stat().st_mtime < newest:
        bench.run(["g++", "-std=c++17", "-O2", "-I", bench.root, "-isystem", include, "-isystem",
                   include / "dal", "-o", program, source, *libraries,
                   f"-Wl,--disable-new-dtags,-rpath,{bench.peers / 'lib'}"], timeout=600)
    return program


class Peers:
    """The libraries that are installed here: name -> a function from a model to a command."""

    def __init__(self, bench, part):
        self.bench = bench
        self.commands = {}
        debian = machine.debian_xgboost()
        if debian:
            self.commands["xgboost-debian"] = lambda model: self.xgboost(debian, model)
        else:
            part.skip("Debian's libxgboost is not installed (sh docker/setup.sh deps run)")
        wheel = next(iter(sorted(bench.peers.glob(XGBOOST_PYPI))), None)
        if wheel:
            self.commands["xgboost-pypi"] = lambda model: self.xgboost(wheel, model)
        else:
            part.skip("PyPI's xgboost is not installed (run.sh peers)")
        try:
            program = onedal_program(bench)
            self.commands["onedal"] = lambda model: self.onedal(program, model)
        except Failed as error:
            part.skip(str(error))
        python = bench.peers / "bin" / "python"
        try:
            bench.run([python, "-c", "import onnxruntime, onnxmltools, xgboost"])
            self.commands["onnx"] = lambda model: self.onnx(python, model)
        except Failed:
            part.skip("ONNX Runtime is not installed (run.sh peers)")

    def xgboost(self, library, model):
        program = self.bench.program("peer_xgboost")
        return [program, "--library", library], row_arguments(model, "model.ubj")

    def onedal(self, program, model):
        if model["outputs"] > 1 or "categorical" in model["special"]:
            return None  # its ModelBuilder has no such models
        return [program], row_arguments(model, "trees.txt")

    def onnx(self, python, model):
        if model["name"] not in ONNX_MODELS:
            return None
        script = self.bench.root / "benchmarks" / "peers" / "peer_onnx.py"
        return [python, script], row_arguments(model, "model.ubj")


def read_margins(path):
    data = path.read_bytes()
    return struct.unpack(f"{len(data) // 4}I", data)


def differing(ours, theirs, outputs):
    """Rows in which a bit differs."""
    rows = range(0, len(ours), outputs)
    return sum(ours[i:i + outputs] != theirs[i:i + outputs] for i in rows)


class Forest:
    """A run of the part."""

    def __init__(self, bench, part):
        self.bench = bench
        self.part = part
        self.levels, missing = bench.levels()
        for level, why in missing.items():
            part.skip(f"level {level}: {why}")
        self.peers = Peers(bench, part)
        self.margins = bench.folder / "margins"
        self.margins.mkdir(parents=True, exist_ok=True)

    def programs(self, model):
        """name -> command for a model, each with an option --margins that is filled in later."""
        found = {}
        levels = self.levels
        if model["name"] not in MAIN:
            levels = [level for level in self.levels if level in ("avx2", self.levels[-1])]
        for level in levels:
            command = forest_command(self.bench, model, level, 0)
            found[level] = (command[:3], command[-4:])  # without --seconds
        for name, make in self.peers.commands.items():
            command = make(model)
            if command:
                found[name] = command
        return found

    def run_one(self, model, name, command, seconds):
        margins = self.margins / f"{model['name']}-{name}"
        options, arguments = command
        options = [*options, "--seconds", seconds, "--margins", margins]
        env = {"OMP_NUM_THREADS": "1"}

        def run():
            return self.bench.run_json([*options, *arguments], cpus=[self.bench.client_cpu],
                                       env=env)[0]

        result, others = self.bench.measure(run)
        key = (model["name"], name)
        self.part.add((*key, "one"), "us/row", result["one_us"], others)
        self.part.add((*key, "many"), "us/row", result["many_us"], others)
        self.part.add((*key, "load"), "ms", result["load_ms"], others)
        versions = self.part.facts.setdefault("versions", {})
        versions[name] = f"{result['scorer']} {result['version']}"
        if name in self.levels:
            kernels = self.part.facts.setdefault("kernels", {})
            kernels.setdefault(model["name"], {})[name] = result["scorer"]
        if not result["same_bits_alone"]:
            self.part.skip(f"{name}, model {model['name']}: rows scored alone and together differ")

    def compare(self, model, names):
        """Rows of each that are not bit-equal to ours at the lowest level."""
        ours = next((level for level in self.levels if level in names), None)
        if ours is None:
            return
        reference = read_margins(self.margins / f"{model['name']}-{ours}")
        found = self.part.facts.setdefault("differing", {}).setdefault(model["name"], {})
        for name in names:
            theirs = read_margins(self.margins / f"{model['name']}-{name}")
            if name != "onnx":  # it has probabilities
                found[name] = differing(reference, theirs, model["outputs"])

    def measure(self, names, rounds, seconds):
        work = []
        for name in names:
            model = self.bench.model(name)
            work += [(model, program, command)
                     for program, command in self.programs(model).items()]
        broken = set()
        for number in range(rounds):
            self.part.round = number
            self.bench.say(f"forest: round {number + 1} of {rounds}, {len(work)} programs")
            random.shuffle(work)
            for model, name, command in work:
                try:
                    if (model["name"], name) not in broken:
                        self.run_one(model, name, command, seconds)
                except Failed as error:
                    broken.add((model["name"], name))
                    self.part.skip(f"{name}, model {model['name']}: {error}")
        work.sort(key=lambda item: item[0]["name"])
        for _, group in itertools.groupby(work, key=lambda item: item[0]["name"]):
            group = list(group)
            model = group[0][0]
            names = [name for _, name, _ in group if (model["name"], name) not in broken]
            self.compare(model, names)


def run(bench, part):
    variants = VARIANTS_QUICK if bench.quick else VARIANTS
    bench.make_models(MAIN + variants)
    forest = Forest(bench, part)
    forest.measure(MAIN, bench.rounds(7), bench.seconds(0.3))
    forest.measure(variants, bench.rounds(5), bench.seconds(0.15))
    part.facts["models"] = [[name, bench.model(name)["what"]] for name in MAIN + variants]
    part.facts["levels"] = forest.levels
