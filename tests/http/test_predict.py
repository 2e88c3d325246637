"""predict, inspect and profiles on the example and on small models made here."""
import json
import os
import pickle
import re

import pytest

from conftest import EXAMPLE, ROOT, rows_of_example, run

MODEL = EXAMPLE / "model.json"
ROWS = rows_of_example()


def predict(*options, stdin=ROWS):
    return run("predict", "--model", MODEL, *options, stdin=stdin.encode())


def test_header_and_columns():
    lines = predict("--header").stdout.decode().splitlines()
    assert lines[0] == "score" and len(lines) == 4


def test_file_argument_and_suffix(tmp_path):
    path = tmp_path / "rows.svm"
    cells = ROWS.splitlines()[0].split(",")
    path.write_text("0 " + " ".join(f"{i}:{c}" for i, c in enumerate(cells)) + "\n")
    by_suffix = run("predict", "--model", MODEL, path)
    assert by_suffix.stdout == predict(stdin=ROWS.splitlines()[0]).stdout


def test_accept_is_the_endpoints_body():
    body = predict("--accept", "application/json").stdout
    scores = [float(line) for line in predict().stdout.split()]
    assert [row["score"] for row in json.loads(body)["predictions"]] == scores


def test_margin_is_the_log_odds():
    import math

    for margin, score in zip(predict("--margin").stdout.split(), predict().stdout.split()):
        assert math.isclose(1 / (1 + math.exp(-float(margin))), float(score), rel_tol=1e-6)


def test_contributions_sum_to_the_margin():
    result = predict("--contributions", "--header")
    if b"libxgboost" in result.stderr:
        pytest.skip(result.stderr.decode())
    header, *lines = result.stdout.decode().splitlines()
    assert header.split(",")[0] == "mean_radius" and header.split(",")[-1] == "bias"
    for line, margin in zip(lines, predict("--margin").stdout.split()):
        assert abs(sum(map(float, line.split(","))) - float(margin)) < 1e-4


def test_leaves():
    result = predict("--leaves", "--header")
    if b"libxgboost" in result.stderr:
        pytest.skip(result.stderr.decode())
    header, *lines = result.stdout.decode().splitlines()
    assert header.startswith("tree_0,tree_1,") and len(header.split(",")) == 30
    assert all(re.fullmatch(r"\d+(,\d+){29}", line) for line in lines)


def test_input_of_any_size(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(ROWS * 20000)
    result = run("predict", "--model", MODEL, path)
    assert result.stdout == predict().stdout * 20000


def test_pieces_do_not_change_rows(tmp_path):
    """Lines of every length around the piece's border, CRLF, and no line end at the end."""
    text = "\r\n".join(",".join(["0." + "1" * (i % 40 + 1)] * 30) for i in range(4000))
    whole = run("predict", "--model", MODEL, stdin=text.encode()).stdout.split()
    assert len(whole) == 4000
    for i in (0, 1, 1999, 3999):
        assert predict(stdin=text.split("\r\n")[i]).stdout.split()[0] == whole[i]


@pytest.mark.parametrize(
    "body,needed",
    [
        (ROWS + "1,2,x\n", "row 4"),
        (ROWS + ROWS.splitlines()[0].replace("15.04", "oops") + "\n", "row 4, column 1"),
        ("1," * 40 + "1\n", "41 columns"),
    ],
)
def test_bad_rows(body, needed, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(body)
    out = tmp_path / "out.csv"
    result = run("predict", "--model", MODEL, "--output", out, path)
    lines = result.stderr.decode().splitlines()
    assert result.returncode == 1 and len(lines) == 1
    assert str(path) in lines[0] and needed in lines[0]
    assert os.listdir(tmp_path) == ["rows.csv"], "a failed run left a file"


def test_bad_row_far_in_the_file(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(ROWS * 10000 + "1,2\n")
    line = run("predict", "--model", MODEL, path).stderr.decode()
    assert "row 30001" in line


def test_output_file(tmp_path):
    out = tmp_path / "out.csv"
    assert predict("--output", out).returncode == 0
    assert out.read_bytes() == predict().stdout
    assert os.listdir(tmp_path) == ["out.csv"]


def test_contradictions():
    assert predict("--margin", "--leaves").returncode == 2
    assert predict("--accept", "text/csv", "--margin").returncode == 2
    assert predict("--top", "3").returncode == 2


def test_unreadable_type():
    result = predict("--content-type", "image/png")
    assert result.returncode == 1 and b"text/csv" in result.stderr


def test_full_output_device():
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    import subprocess

    from conftest import PROGRAM

    with open("/dev/full", "w") as full:
        result = subprocess.run(
            [PROGRAM, "predict", "--model", str(MODEL)],
            input=ROWS.encode(),
            stdout=full,
            stderr=subprocess.PIPE,
        )
    assert result.returncode == 1 and b"output" in result.stderr


def test_inspect_json():
    about = json.loads(run("inspect", MODEL, "--json").stdout)
    assert about["algorithm"] == "xgboost"
    assert about["format"] == "json"
    assert about["written_by"] == "1.7.4"
    assert about["objective"] == "binary:logistic"
    assert (about["features"], about["outputs"], about["trees"], about["profile"]) == (
        30,
        1,
        30,
        "1.7-1",
    )
    assert about["feature_names"][0] == "mean_radius" and len(about["feature_names"]) == 30
    assert [file["file"] for file in about["files"]] == ["model.json"]


def test_inspect_text():
    text = run("inspect", MODEL).stdout.decode()
    assert "binary:logistic" in text and "XGBoost 1.7.4" in text


def test_profiles():
    names = [profile["name"] for profile in json.loads(run("profiles", "--json").stdout)]
    assert {"1.7-1", "3.0-5"} <= set(names)
    assert "1.7-1" in run("profiles").stdout.decode()


class Payload:
    """Unpickled by Python, this would run a command."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", range(6))
def test_nothing_in_a_pickle_is_executed(protocol, tmp_path):
    model = tmp_path / "xgboost-model"
    model.write_bytes(pickle.dumps(Payload(tmp_path / "ran"), protocol=protocol))
    result = run("inspect", model)
    assert result.returncode == 1
    assert not (tmp_path / "ran").exists()
    assert "system" in result.stderr.decode() and len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "content,needed",
    [
        (b"", "empty"),
        (b"booster[0]:\n0:[f0<1] yes=1,no=2,missing=1\n", "save_model"),
        (b'[{ "nodeid": 0 }]', "save_model"),
        (b"bs64\tAAAA", "binary"),
        (b"\x7fELF" + b"\0" * 300, "not an XGBoost model"),
        (pickle.dumps({"a": 1}), "dict"),
        (b'{"a": 1}', "learner"),
    ],
)
def test_what_is_no_model_is_told(content, needed, tmp_path):
    model = tmp_path / "m"
    model.write_bytes(content)
    result = run("inspect", model)
    lines = result.stderr.decode().splitlines()
    assert result.returncode == 1 and len(lines) == 1
    assert needed in lines[0] and str(model) in lines[0]


@pytest.mark.parametrize("before", [b"\n", b" \r\n\t", b"\xef\xbb\xbf"])
def test_white_space_before_json(before, tmp_path):
    model = tmp_path / "m"
    model.write_bytes(before + MODEL.read_bytes())
    assert run("inspect", model).returncode == 0
    model.write_bytes(before + MODEL.read_bytes()[:1000])
    assert b"offset" in run("inspect", model).stderr


def test_archive_with_notes(tmp_path):
    import tarfile

    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(MODEL, "xgboost-model")
    (tmp_path / "README.md").write_text("how it was trained\n")
    about = json.loads(run("inspect", tmp_path, "--json").stdout)
    assert [file["file"] for file in about["files"]] == ["xgboost-model"]


def test_stray_text_beside_a_model(tmp_path):
    (tmp_path / "xgboost-model").write_bytes(MODEL.read_bytes())
    (tmp_path / "requirements.txt").write_text("xgboost==1.7\n")
    about = json.loads(run("inspect", tmp_path, "--json").stdout)
    assert about["left_out"] == ["requirements.txt"] and len(about["files"]) == 1
    assert run("inspect", tmp_path, "--strict").returncode == 1


def test_ensemble_is_the_mean(tmp_path):
    text = MODEL.read_text()
    (tmp_path / "xgboost-model-0").write_text(text)
    (tmp_path / "xgboost-model-1").write_text(
        text.replace('"base_score":"5E-1"', '"base_score":"7E-1"')
    )
    import struct

    def single(name):
        return [
            float(x)
            for x in run("predict", "--model", tmp_path / name, stdin=ROWS.encode()).stdout.split()
        ]

    def f32(x):
        return struct.unpack("<f", struct.pack("<f", x))[0]

    both = [
        float(x) for x in run("predict", "--model", tmp_path, stdin=ROWS.encode()).stdout.split()
    ]
    assert both == [
        f32(f32(a + b) / 2) for a, b in zip(single("xgboost-model-0"), single("xgboost-model-1"))
    ]


def test_readme_has_the_settings_table():
    """The README's table is the program's own."""
    table = run("help", "settings").stdout.decode()
    assert table.count("\n") > 20
    assert table in (ROOT / "README.md").read_text()


def test_man_page_names_every_command_and_is_clean():
    import shutil
    import subprocess

    page = ROOT / "docker" / "man" / "endpointd.1"
    for command in ("serve", "predict", "inspect", "profiles"):
        assert f".Cm {command}" in page.read_text()
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not installed")
    result = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", str(page)], stdout=subprocess.PIPE, text=True
    )
    assert result.stdout == ""


def test_completion_is_bash():
    import subprocess

    assert (
        subprocess.run(
            ["bash", "-n", str(ROOT / "docker" / "completion" / "endpointd.bash")]
        ).returncode
        == 0
    )
