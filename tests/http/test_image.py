"""The image: built and run with a real Docker daemon, where one can be used.

A base image comes from ENDPOINTD_BASE_IMAGE, else from what the daemon has (debian:bookworm-slim), else it
is made with debootstrap where that is allowed (ENDPOINTD_DEBOOTSTRAP=1: it takes minutes).
"""
import functools
import http.client
import json
import os
import platform
import shutil
import subprocess
import time

import pytest

from conftest import EXAMPLE, ROOT, rows_of_example

TAG = "endpointd:test"


def docker(*arguments, check=True, buildkit=False, **options):
    result = subprocess.run(
        ["docker", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "DOCKER_BUILDKIT": str(int(buildkit))},
        **options,
    )
    assert not check or result.returncode == 0, result.stdout[-3000:]
    return result.stdout.strip()


@functools.cache
def base_image():
    wanted = os.environ.get("ENDPOINTD_BASE_IMAGE", "debian:bookworm-slim")
    if docker("images", "-q", wanted):
        return wanted
    if os.environ.get("ENDPOINTD_DEBOOTSTRAP") and shutil.which("debootstrap"):
        root = "/var/tmp/endpointd-base"
        shutil.rmtree(root, ignore_errors=True)
        subprocess.run(
            ["debootstrap", "--variant=minbase", "bookworm", root],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        for name in ("sources.list", "sources.list.d", "apt.conf.d"):
            source = f"/etc/apt/{name}"
            if os.path.isdir(source):
                shutil.copytree(source, f"{root}{source}", dirs_exist_ok=True)
            elif os.path.exists(source):
                shutil.copy(source, f"{root}{source}")
        tar = subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE)
        docker("import", "-", "endpointd-base:test", stdin=tar.stdout)
        shutil.rmtree(root, ignore_errors=True)
        return "endpointd-base:test"
    pytest.skip(f"no base image {wanted!r} here and ENDPOINTD_DEBOOTSTRAP is not set")


def build(tag, *options, **more):
    return docker(
        "build",
        "--network=host",
        "--build-arg",
        f"BASE={base_image()}",
        "-f",
        "docker/Dockerfile",
        "-t",
        tag,
        *options,
        ".",
        cwd=ROOT,
        **more,
    )


@pytest.fixture(scope="module")
def image():
    if os.environ.get("ENDPOINTD_SLOW"):
        pytest.skip("the image is tested with the release build")
    if not shutil.which("docker"):
        pytest.skip("docker is not installed")
    if subprocess.run(
        ["docker", "info"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ).returncode:
        pytest.skip("no Docker daemon answers")
    build(TAG)
    return TAG


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    directory = tmp_path_factory.mktemp("image-model")
    shutil.copy(EXAMPLE / "model.json", directory / "xgboost-model")
    directory.chmod(0o755)
    return directory


def post(port, body):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", "/invocations", body, {"Content-Type": "text/csv"})
    response = connection.getresponse()
    return response.status, response.read()


def run_image(image, model, *options):
    """A container on a free port of the host; (id, port)."""
    container = docker(
        "run",
        "-d",
        "-p",
        "127.0.0.1::8080",
        "-v",
        f"{model}:/opt/ml/model:ro",
        *options,
        image,
        "serve",
    )
    port = int(docker("port", container, "8080").split(":")[-1])
    for _ in range(100):
        if "listening on" in docker("logs", container):
            return container, port
        time.sleep(0.1)
    raise AssertionError(docker("logs", container))


@pytest.mark.parametrize(
    "options", [(), ("--read-only",), ("--user", "1234:1234", "--read-only", "--cap-drop", "ALL")]
)
def test_serves(image, model, options):
    container, port = run_image(image, model, *options)
    try:
        status, body = post(port, rows_of_example())
        assert status == 200 and body.count(b"\n") == 3
        begin = time.monotonic()
        docker("stop", container)
        assert time.monotonic() - begin < 8
        assert json.loads(docker("inspect", container))[0]["State"]["ExitCode"] == 0
    finally:
        docker("rm", "-f", container)


def test_contributions_inside(image, model):
    """libxgboost is in the image."""
    rows = rows_of_example()
    result = subprocess.run(
        [
            "docker",
            "run",
            "--rm",
            "-i",
            "-v",
            f"{model}:/opt/ml/model:ro",
            image,
            "predict",
            "--contributions",
        ],
        input=rows,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert len(result.stdout.splitlines()[0].split(",")) == 31


def test_aarch64(image, model, tmp_path):
    """The image for the other architecture, cross compiled, answers the same."""
    if platform.machine() == "aarch64":
        pytest.skip("this machine is AArch64: the image is")
    if not shutil.which("qemu-aarch64"):
        pytest.skip("qemu-aarch64 is not installed")
    tag = TAG + "-arm64"
    docker("rmi", tag, check=False)
    output = build(tag, "--platform", "linux/arm64", buildkit=True, check=False)
    if "buildx component is missing" in output:
        pytest.skip("this Docker client has no BuildKit")
    assert docker("images", "-q", tag), output[-3000:]
    about = json.loads(docker("inspect", tag))[0]
    assert (about["Os"], about["Architecture"]) == ("linux", "arm64")
    container = docker("create", "--platform", "linux/arm64", tag)
    docker("cp", f"{container}:/", str(tmp_path / "root"))
    docker("rm", container)
    for options in ([], ["--leaves"]):  # the second one asks libxgboost
        command = ["predict", *options, "--model"]
        emulated = subprocess.run(
            ["qemu-aarch64", "-L", tmp_path / "root", tmp_path / "root/usr/local/bin/endpointd"]
            + [*command, model],
            input=rows_of_example(),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        native = subprocess.run(
            ["docker", "run", "--rm", "-i", "-v", f"{model}:/opt/ml/model:ro", image]
            + [*command, "/opt/ml/model"],
            input=rows_of_example(),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        assert emulated.stdout == native.stdout


def test_labels_and_size(image):
    about = json.loads(docker("inspect", image))[0]
    assert (
        about["Config"]["Labels"]["com.amazonaws.sagemaker.capabilities.accept-bind-to-port"]
        == "true"
    )
    assert about["Config"]["Labels"]["com.amazonaws.sagemaker.capabilities.multi-models"] == "true"
    assert about["Config"]["Entrypoint"] == ["/usr/local/bin/endpointd"]
    assert about["Size"] < 60_000_000


def test_without_a_model(image):
    result = subprocess.run(
        ["docker", "run", "--rm", image, "serve"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 1
    assert result.stdout.startswith("endpointd: /opt/ml/model") or "/opt/ml/model" in result.stdout
