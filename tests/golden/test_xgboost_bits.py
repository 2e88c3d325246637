"""Every model file of the golden data, by `predict`: the bits that the version which wrote it answers."""
import gzip
import json
import math
import re
import struct

import pytest

from conftest import FIXTURES, fixture_path, run

MANIFEST = FIXTURES / "xgboost" / "manifest.json"
INDEX = FIXTURES / "real-xgboost" / "index.json"


def floats(path):
    data = path.read_bytes()
    return struct.unpack(f"<{len(data) // 4}f", data)


def csv_of(values, columns):
    """Rows as text: the shortest digits of each float32 as a double; a missing value is an empty cell."""
    cells = [
        "" if math.isnan(v) else ("inf" if v == math.inf else "-inf" if v == -math.inf else repr(v))
        for v in values
    ]
    return "\n".join(",".join(cells[i : i + columns]) for i in range(0, len(cells), columns)) + "\n"


def libsvm_of(values, columns):
    lines = []
    for i in range(0, len(values), columns):
        row = values[i : i + columns]
        lines.append(
            " ".join(["0"] + [f"{j}:{v!r}" for j, v in enumerate(row) if not math.isnan(v)])
        )
    return "\n".join(lines) + "\n"


def bits(values):
    return [struct.pack("<f", float(v)) for v in values]


def predict(model, body, *options, content_type="text/csv"):
    result = run(
        "predict", "--model", model, "--content-type", content_type, *options, stdin=body.encode()
    )
    assert result.returncode == 0, result.stderr.decode()
    return [float(cell) for line in result.stdout.decode().splitlines() for cell in line.split(",")]


def assert_bits(got, expected, what):
    assert len(got) == len(expected), what
    different = [
        i
        for i, (a, b) in enumerate(zip(bits(got), bits(expected)))
        if a != b and not (math.isnan(got[i]) and math.isnan(expected[i]))
    ]
    assert not different, f"{what}: {len(different)} of {len(got)} differ: " + ", ".join(
        f"{i}: {got[i]!r}, not {expected[i]!r}" for i in different[:3]
    )


def manifest_files():
    if not MANIFEST.exists():
        return [
            pytest.param(
                None,
                None,
                id="no-golden-data",
                marks=pytest.mark.skip(reason=f"no golden data at {MANIFEST}"),
            )
        ]
    manifest = json.loads(MANIFEST.read_text())
    return [
        pytest.param(model, name, id=name)
        for model in manifest["models"]
        for name in model["files"]
    ]


@pytest.mark.parametrize("model,name", manifest_files())
def test_manifest(model, name):
    folder = MANIFEST.parent
    matrix = json.loads(MANIFEST.read_text())[model["input"]]
    body = csv_of(floats(folder / matrix["file"]), matrix["cols"])
    path = folder / name
    assert_bits(predict(path, body, "--margin"), floats(folder / model["margin"]), "margin")
    assert_bits(predict(path, body), floats(folder / model["value"]), "value")


@pytest.mark.parametrize(
    "name",
    ["3.4.0_dfcat.json", "3.4.0_es.json", "sagemaker_saved_booster_v10.bin", "sagemaker_xgb30.ubj"],
)
def test_loads(name):
    result = run("inspect", "--json", fixture_path("xgboost", name))
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["algorithm"] == "xgboost"


def real_models():
    if not INDEX.exists():
        return [
            pytest.param(
                None,
                id="no-golden-data",
                marks=pytest.mark.skip(reason=f"no golden data at {INDEX}"),
            )
        ]
    return [pytest.param(entry, id=entry["id"]) for entry in json.loads(INDEX.read_text())]


@pytest.mark.parametrize("entry", real_models())
def test_real(entry):
    """By the rules of 1.7-1, and by the writer's: the old one up to 1.2, where it differs."""
    folder = INDEX.parent
    model = folder / entry["file"]
    result = run("inspect", "--json", model)
    assert result.returncode == 0, result.stderr.decode()
    about = json.loads(result.stdout)
    described = entry["models"][0]
    if described["num_feature"]:
        assert about["features"] == described["num_feature"]
    version = tuple((described["version"] or [0, 0])[:2])
    for ref in entry.get("ref", []):
        if "rows" not in ref or not (folder / "ref" / f"{ref['id']}.X.f32").exists():
            continue
        values = floats(folder / "ref" / f"{ref['id']}.X.f32")
        old = version < (1, 3)
        text = libsvm_of(values, ref["cols"]) if ref["cols"] > 2000 else csv_of(values, ref["cols"])
        kind = "text/libsvm" if ref["cols"] > 2000 else "text/csv"
        for what, options in (("margin", ["--margin"]), ("value", [])):
            new = folder / "ref" / f"{ref['id']}.{what}_new.f32"
            got = predict(model, text, "--profile", "1.7-1", *options, content_type=kind)
            assert_bits(got, floats(new), f"{what} by 1.7-1")
            expected = folder / "ref" / f"{ref['id']}.{what}_old.f32"
            if not old:
                expected = new
            if expected.exists():
                assert_bits(
                    predict(model, text, *options, content_type=kind), floats(expected), what
                )


def captures():
    """Recorded pairs of real endpoints."""
    found = []
    for path in (
        sorted((INDEX.parent / "golden").glob("*/endpoint_cases.json")) if INDEX.exists() else []
    ):
        recorded = json.loads(path.read_text())
        found += [
            pytest.param(recorded["model"], case, id=f"{path.parent.name}-{i}")
            for i, case in enumerate(recorded["cases"])
        ]
    return found or [
        pytest.param(
            None, None, id="no-golden-data", marks=pytest.mark.skip(reason="no golden data")
        )
    ]


@pytest.mark.parametrize("model,case", captures())
def test_capture(model, case):
    """The bytes of a real endpoint, by the profile that `auto` takes from the file."""
    body = case["request"]["body"]
    for accept in ("text/csv", None):
        options = ["--accept", accept] if accept else []
        result = run("predict", "--model", INDEX.parent / model, *options, stdin=body.encode())
        assert result.returncode == 0, result.stderr
        if accept:
            assert result.stdout.decode() == case["response"]["body"]
        else:
            assert result.stdout.decode().split() == case["response"]["body"].split()


def published():
    found = []
    if INDEX.exists():
        for entry in json.loads(INDEX.read_text()):
            for golden in entry.get("golden", []):
                if golden["kind"] in (
                    "published expectation: margin",
                    "published expectation: predict",
                ):
                    found.append(
                        pytest.param(
                            entry, golden, id=f"{entry['id']}-{golden['kind'].split()[-1]}"
                        )
                    )
    return found or [
        pytest.param(
            None, None, id="no-golden-data", marks=pytest.mark.skip(reason="no golden data")
        )
    ]


@pytest.mark.parametrize("entry,golden", published())
def test_published(entry, golden):
    """Outputs that the models' publishers printed, where all their rows are equal by one rule."""
    check = golden.get("check", {})
    old = tuple((entry["models"][0]["version"] or [0, 0])[:2]) < (1, 3)
    if (
        check.get("ntree_limit")
        or check.get("old_exact" if old else "new_exact") != check.get("n")
        or not check.get("n")
    ):
        pytest.skip("published under another rule, with a limit or with fewer digits")
    rows, expected = (INDEX.parent / path for path in golden["files"][:2])
    options = ["--margin"] if golden["kind"].endswith("margin") else []
    numbers = [
        float(cell)
        for line in expected.read_text().splitlines()
        for cell in line.replace("\t", " ").replace(",", " ").split()
    ]
    text = rows.read_text()
    if "1-based" in golden.get("note", ""):
        text = re.sub(r"(\d+):", lambda found: f"{int(found[1]) - 1}:", text)
    got = predict(INDEX.parent / entry["file"], text, *options, content_type="text/libsvm")
    assert_bits(
        got, [struct.unpack("<f", struct.pack("<f", v))[0] for v in numbers], golden["kind"]
    )


def test_gzip_is_read(tmp_path):
    """A model file that somebody compressed is still a model."""
    source = fixture_path("xgboost", "1.7.4_logit.json")
    packed = tmp_path / "model.json.gz"
    packed.write_bytes(gzip.compress(source.read_bytes()))
    assert run("inspect", packed).returncode == 0
