"""predict, inspect and profiles on the example and on small models made here."""
import json
import os
import pickle
import re
import resource
import signal
import stat
import subprocess
import threading
import time

import pytest

from conftest import EXAMPLE, PROGRAM, ROOT, SLOW, clean_environment, rows_of_example, run

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


def test_every_kernel_answers_the_same():
    rows = "\n".join(ROWS.splitlines() * 100)
    expected = predict(stdin=rows).stdout
    kernels = set()
    for cpu in ("baseline", "avx2", "avx512", "vbmi"):
        for kernel in ("auto", "scalar", "sweep", "masks"):
            result = run("predict", "--model", MODEL, "--cpu", cpu, "--kernel", kernel,
                         stdin=rows.encode())
            reason = result.stderr.decode()
            if "this processor has" in reason or "cannot score this forest" in reason:
                continue
            assert result.stdout == expected, (cpu, kernel)
            shown = run("inspect", "--json", "--cpu", cpu, "--kernel", kernel, MODEL)
            kernels.add(json.loads(shown.stdout)["kernel"])
    assert "forest-scalar" in kernels


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
        ("1," * 40 + "1\n", "row 1, column 31: the rows have 41 columns"),
        (
            ROWS + ROWS.splitlines()[0].replace("15.04", "inf") + "\n",
            "row 4, column 1: an infinite",
        ),
        (ROWS.splitlines()[0] + "\n1,2\n3,4\n", "row 2"),
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
    assert "/workspace/" not in lines[0] and "setting an array" not in lines[0]
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
    result = predict("--accept", "application/json", "--header")
    assert result.returncode == 2 and not result.stdout
    assert len(result.stderr.splitlines()) == 1


def test_unreadable_type():
    result = predict("--content-type", "application/x-parquet")
    assert result.returncode == 1 and b"text/csv" in result.stderr


def limited_files(size):
    """For preexec_fn: files end at `size` bytes; the signal is ignored as Python ignores it."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@pytest.mark.parametrize(
    "arguments", [("predict", "--model", str(MODEL)), ("profiles",), ("help", "settings")]
)
def test_output_that_cannot_be_written_is_told_once(arguments, tmp_path):
    with open(tmp_path / "full", "w") as full:
        result = subprocess.run(
            [PROGRAM, *arguments],
            input=ROWS.encode(),
            stdout=full,
            stderr=subprocess.PIPE,
            env=clean_environment(),
            restore_signals=False,
            preexec_fn=limited_files(1),
        )
    lines = result.stderr.decode().splitlines()
    assert result.returncode == 1 and len(lines) == 1
    assert "output" in lines[0] and os.strerror(27) in lines[0]


def test_full_file_leaves_nothing(tmp_path):
    result = subprocess.run(
        [PROGRAM, "predict", "--model", str(MODEL), "--output", str(tmp_path / "out.csv")],
        input=ROWS.encode(),
        stderr=subprocess.PIPE,
        env=clean_environment(),
        restore_signals=False,
        preexec_fn=limited_files(1),
    )
    assert result.returncode == 1 and len(result.stderr.splitlines()) == 1
    assert os.listdir(tmp_path) == []


def test_output_to_a_fifo(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    got = []
    reader = threading.Thread(target=lambda: got.append(fifo.read_bytes()), daemon=True)
    reader.start()
    assert predict("--output", fifo).returncode == 0
    assert stat.S_ISFIFO(fifo.stat().st_mode), "the FIFO was replaced"
    reader.join(20 * SLOW)
    assert got == [predict().stdout]


@pytest.mark.parametrize("target", ["there/real.csv", "there/new.csv"])
@pytest.mark.parametrize("absolute", [False, True])
def test_output_through_links(target, absolute, tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / target if absolute else target)
    (tmp_path / "second.csv").symlink_to("link.csv")
    assert predict("--output", tmp_path / "second.csv").returncode == 0
    assert (tmp_path / "second.csv").is_symlink() and (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / target).read_bytes() == predict().stdout
    assert sorted(os.listdir(tmp_path)) == ["link.csv", "second.csv", "there"]
    assert set(os.listdir(tmp_path / "there")) == {"real.csv", target.split("/")[1]}


def test_output_that_links_to_itself(tmp_path):
    (tmp_path / "link").symlink_to("link")
    result = predict("--output", tmp_path / "link")
    assert result.returncode == 1 and len(result.stderr.splitlines()) == 1
    assert os.listdir(tmp_path) == ["link"]


def test_output_to_what_standard_output_is(tmp_path):
    """As /dev/stdout of a redirected run: what was there before stays."""
    out = tmp_path / "out.csv"
    out.write_text("before\n")
    with open(out, "a") as stdout:
        subprocess.run(
            [PROGRAM, "predict", "--model", str(MODEL), "--output", str(out)],
            input=ROWS.encode(),
            stdout=stdout,
            env=clean_environment(),
            check=True,
        )
    assert out.read_bytes() == b"before\n" + predict().stdout


@pytest.mark.parametrize("mode", [0o600, 0o664, 0o755])
def test_output_keeps_the_mode(mode, tmp_path):
    out = tmp_path / "out.csv"
    out.write_text("old")
    out.chmod(mode)
    assert predict("--output", out).returncode == 0
    assert stat.S_IMODE(out.stat().st_mode) == mode
    assert out.read_bytes() == predict().stdout


@pytest.mark.parametrize("mask", [0o077, 0o002])
def test_new_output_obeys_the_umask(mask, tmp_path):
    out = tmp_path / "out.csv"
    old = os.umask(mask)
    try:
        assert predict("--output", out).returncode == 0
    finally:
        os.umask(old)
    assert stat.S_IMODE(out.stat().st_mode) == 0o666 & ~mask


def test_output_to_a_directory_fails_before_reading(tmp_path):
    """The input is a pipe that stays open: waiting for it would not end."""
    process = subprocess.Popen(
        [PROGRAM, "predict", "--model", str(MODEL), "--output", str(tmp_path)],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(),
    )
    try:
        assert process.wait(20 * SLOW) == 1
        lines = process.stderr.read().decode().splitlines()
        assert len(lines) == 1 and "directory" in lines[0]
    finally:
        process.kill()
        process.communicate()
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_killed_run_leaves_nothing(number, tmp_path):
    out = tmp_path / "out.csv"
    out.write_text("old")
    process = subprocess.Popen(
        [PROGRAM, "predict", "--model", str(MODEL), "--output", str(out)],
        stdin=subprocess.PIPE,
        env=clean_environment(),
    )
    try:
        deadline = time.monotonic() + 20 * SLOW
        while len(os.listdir(tmp_path)) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(os.listdir(tmp_path)) == 2
        process.send_signal(number)
        assert process.wait(20 * SLOW) == -number
    finally:
        process.kill()
        process.communicate()
    assert os.listdir(tmp_path) == ["out.csv"] and out.read_text() == "old"


def quickly(path):
    """Through a pipe, whose many small reads make the most of work that is done again for each;
    within a time that only work in proportion to the input takes."""
    start = time.monotonic()
    with subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE) as cat:
        result = subprocess.run(
            [PROGRAM, "predict", "--model", str(MODEL)],
            stdin=cat.stdout,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=clean_environment(),
            timeout=60 * SLOW,
        )
    assert time.monotonic() - start < 3 * SLOW
    return result


def test_long_line_is_read_once(tmp_path):
    path = tmp_path / "rows.csv"
    with open(path, "w") as file:
        file.write(ROWS)
        file.write("1" * 100_000_000 + "\n")
    result = quickly(path)
    assert result.returncode == 1 and b"row 4" in result.stderr


@pytest.mark.parametrize("blank", ["\n", " ", "\r\n"])
def test_blank_lines_are_read_once(blank, tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(ROWS + blank * 30_000_000)
    result = quickly(path)
    assert (result.returncode, result.stdout) == (0, predict().stdout)
    path.write_text(blank * 30_000_000 + ROWS)
    result = quickly(path)
    assert (result.returncode, result.stdout) == (0, predict().stdout)


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\r\n\r\n", "\n \n", " \n\n\t", "\n\n  \r\n \n"])
def test_white_space_at_the_end_is_no_row(end):
    result = predict(stdin=ROWS.rstrip() + end)
    assert (result.returncode, result.stdout) == (0, predict().stdout)


def wide_libsvm_rows(base, count):
    cells = [f"{i + base}:{c}" for i, c in enumerate(ROWS.splitlines()[0].split(","))]
    return ("0 " + " ".join(cells) + "\n") * count


@pytest.mark.parametrize("piped", [False, True])
def test_base_of_libsvm_is_of_the_whole_input(piped, tmp_path):
    """An index 0 in the very last row says what the first one means."""
    path = tmp_path / "rows.svm"

    def scores(text):
        path.write_text(text)
        options = ("--profile", "3.2-0", "--content-type", "text/libsvm")
        result = predict(*options, stdin=text) if piped else predict(*options, path, stdin="")
        assert result.returncode == 0, result.stderr
        return result.stdout.split()

    from_one = scores(wide_libsvm_rows(1, 8000))
    assert from_one == [predict().stdout.split()[0]] * 8000
    assert scores("0\n" * 1_000_000 + wide_libsvm_rows(1, 2))[-2:] == from_one[:2]
    body = "".join(f"0 {i}:{i}.5 {i + 7}:1\n" for i in range(1, 20)) * 6000
    last = scores(body + "0 0:1\n")
    assert len(last) == 19 * 6000 + 1
    assert (
        last[:-1]
        == predict("--content-type", "text/libsvm", "--profile", "3.0-5", stdin=body).stdout.split()
    )
    assert last[:-1] != scores(body)


def test_libsvm_of_a_file_is_not_read_whole(tmp_path):
    """200 MB of rows in 150 MB of address space."""
    if SLOW > 1:
        pytest.skip("sanitizers take memory of their own")
    path = tmp_path / "rows.svm"
    with open(path, "w") as file:
        for _ in range(100):
            file.write(("1 1:1" + " filler" * 300 + "\n") * 950)
    result = subprocess.run(
        [PROGRAM, "predict", "--model", str(MODEL), "--profile", "3.2-0", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (150 << 20, 150 << 20)),
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.count(b"\n") == 95000


@pytest.mark.parametrize("profile", ["3.0-5", "3.2-0"])
def test_libsvm_row_that_is_too_wide_is_named(profile):
    rows = "0 0:1 5:2\n" * 700 + "0 0:1 40:1\n" + "0 0:1 50:1\n"
    result = predict("--content-type", "text/libsvm", "--profile", profile, stdin=rows)
    lines = result.stderr.decode().splitlines()
    assert result.returncode == 1 and len(lines) == 1
    assert "row 701" in lines[0] and "30 features" in lines[0]


@pytest.mark.parametrize("profile", ["3.0-5", "3.2-0"])
def test_libsvm_without_a_feature(profile, tmp_path):
    """As over HTTP; also where it is more than one piece."""
    path = tmp_path / "rows.svm"
    for rows in ("1\n", "1\n0\n", "1\n" * 2_000_000):
        path.write_text(rows)
        result = run("predict", "--model", MODEL, "--profile", profile, path)
        assert result.returncode == 1 and len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("body", ["", "\n", " \t\r\n\n \n"])
@pytest.mark.parametrize(
    "content_type", ["text/csv", "text/libsvm", "application/json", "application/jsonlines"]
)
def test_input_without_rows(body, content_type, tmp_path):
    def check(*options):
        result = predict("--content-type", content_type, *options, stdin=body)
        assert (result.returncode, result.stderr) == (0, b"")
        return result.stdout

    assert check() == b"" and check("--accept", "application/json") == b""
    assert check("--profile", "3.2-0") == b""
    assert check("--header") == b"score\n"
    out = tmp_path / "out.csv"
    assert check("--output", out) == b"" and out.read_bytes() == b""


def test_no_record_of_recordio():
    result = predict("--content-type", "application/x-recordio-protobuf", stdin="")
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


@pytest.mark.parametrize("option", ["--contributions", "--leaves", "--margin"])
def test_header_without_rows_is_that_with_rows(option):
    result = predict(option, "--header")
    if b"libxgboost" in result.stderr:
        pytest.skip(result.stderr.decode())
    assert predict(option, "--header", stdin="").stdout == result.stdout.splitlines(True)[0]


def strange_names(tmp_path, names):
    """The example with other names of features; the path of its copy."""
    document = json.loads(MODEL.read_text())
    own = document["learner"]["feature_names"]
    document["learner"]["feature_names"] = names + own[len(names) :]
    path = tmp_path / "strange.json"
    text = json.dumps(document, ensure_ascii=False)
    path.write_text(text.replace("\\u001b", "\x1b").replace("\\u0007", "\x07"))
    return path


def test_header_is_csv_whatever_the_names(tmp_path):
    import csv
    import io

    names = ["a,b", 'say "so"', "two\nlines", "cr\r", " blank ", "été"]
    model = strange_names(tmp_path, names)
    result = run("predict", "--model", model, "--contributions", "--header", stdin=ROWS.encode())
    if b"libxgboost" in result.stderr:
        pytest.skip(result.stderr.decode())
    header, *rows = csv.reader(io.StringIO(result.stdout.decode(), newline=""))
    assert header[: len(names)] == names and header[-1] == "bias"
    assert {len(row) for row in rows} == {len(header)} and len(rows) == 3
    assert b',"say ""so""",' in result.stdout and b", blank ," in result.stdout


def test_inspect_escapes_control_characters(tmp_path):
    model = strange_names(tmp_path, ["\x1b]0;title\x07", "two\nlines", "été", "\x9b31m", "plain"])
    text = run("inspect", model).stdout.decode()
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", text)
    assert r"'\x1b]0;title\x07'" in text and r"'two\x0alines'" in text
    assert "2 été\n" in text and "4 plain\n" in text
    assert json.loads(run("inspect", model, "--json").stdout)["feature_names"][1] == "two\nlines"


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
