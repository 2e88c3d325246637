"""The recorded requests and responses of the original container's code (container-golden).

The records of a model and an environment are sent to one server; spec section 10.1 names the few that a
correct server answers otherwise.
"""
import base64
import json
import os
import struct

import pytest

from conftest import FIXTURES, normalise, serving

CASES = FIXTURES / "container-golden" / "cases.jsonl"
# recorded with the app mounted without its loader: a server refuses to start
UNLOADABLE = ("bad", "empty", "emptyfile", "notbooster", "dot")
PROFILES = {"A": ["3.0-5"], "AB": ["3.0-5", "3.2-0"], "B": ["3.2-0"]}


def servers():
    """(profile, model, environment) -> records."""
    groups = {}
    if CASES.exists():
        for line in CASES.read_text().splitlines():
            record = json.loads(line)
            if record["model"] in UNLOADABLE:
                continue
            for profile in PROFILES[record["rig"]]:
                key = (profile, record["model"], json.dumps(record["env"], sort_keys=True))
                groups.setdefault(key, []).append(record)
    if not groups:
        return [
            pytest.param(
                None,
                None,
                id="no-golden-data",
                marks=pytest.mark.skip(reason=f"no golden data at {CASES}"),
            )
        ]
    return [
        pytest.param(key, records, id="-".join(key[:2]) + key[2])
        for key, records in sorted(groups.items())
    ]


def expected_of(record):
    """What the record says, with this machine's CPU count; the front end's 404 for http-004."""
    status, content_type = record["status"], record["resp_content_type"]
    body = (
        base64.b64decode(record["resp_body_b64"])
        if record.get("resp_body_b64")
        else (record["resp_body"] or "").encode()
    )
    if record["path"] == "/nope":
        return 404, "application/octet-stream", b"{}"
    if record["path"] == "/execution-parameters" and status == 200:
        body = body.replace(
            b'"MaxConcurrentTransforms": 2',
            b'"MaxConcurrentTransforms": %d' % len(os.sched_getaffinity(0)),
        )
    # XGBoost 1.7.4 recorded these with its limit on trees; 3.0-5 and 3.2-0 have none (spec 2.6)
    if record["model"] == "es" and status == 200:
        body = body.replace(b"-0.11718934774398804", b"-0.13945700228214264")
    # recorded in the order of a directory; the order of names differs in the last bit (spec 4.6)
    if record["model"] == "ens_softprob":
        body = body.replace(b"0.2029186487197876", b"0.2029186636209488")
        body = body.replace(
            struct.pack("<f", 0.2029186487197876), struct.pack("<f", 0.2029186636209488)
        )
    return status, content_type, KEPT_ROWS.get(record["id"], body)


# Rows that the original loses are kept, under --strict too: a row without a feature gets the answer
# that the original gives to an interior one.
KEPT_ROWS = {"libsvm-138": b"2.6775546073913574\n0.05483292043209076\n"}


def body_of(record):
    if record.get("body_b64"):
        return base64.b64decode(record["body_b64"])
    return (record["body"] or "").encode()


def parsed(content_type, body):
    """JSON or JSON Lines, with NaN equal to itself."""
    lines = body.decode().splitlines() if "jsonlines" in content_type else [body.decode()]
    return [json.loads(line, parse_constant=str) for line in lines]


def fields(data):
    """The length-delimited fields of a protobuf message, in order."""
    at = 0
    while at < len(data):
        number = data[at] >> 3
        size, shift = 0, 0
        at += 1
        while True:
            size |= (data[at] & 127) << shift
            shift += 7
            at += 1
            if data[at - 1] < 128:
                break
        yield number, data[at : at + size]
        at += size


def records_of(body):
    """Per record its labels by name: the last of a name counts, their order does not (the original
    repeats the records before it, and orders NaN keys by chance)."""
    found = []
    while body:
        assert body[:4] == b"\x0a\x23\xd7\xce"
        size = int.from_bytes(body[4:8], "little")
        labels = {}
        for number, entry in fields(body[8 : 8 + size]):
            assert number == 2
            key, value = (data for _, data in fields(entry))
            labels[key] = value
        found.append(labels)
        body = body[8 + size + -size % 4 :]
    return found


def different(server, record):
    headers = {}
    if record["content_type"] is not None:
        headers["Content-Type"] = record["content_type"]
    if record["accept"] is not None:
        headers["Accept"] = record["accept"]
    body = body_of(record)
    response, data = server.request(
        record["method"],
        record["path"],
        body if record["method"] != "GET" or body else None,
        headers,
    )
    status, content_type, expected = expected_of(record)
    same = data == expected
    if record.get("volatile"):
        same = normalise(data.decode()) == normalise(expected.decode())
    if content_type == "application/x-recordio-protobuf" and expected.startswith(
        b"\x0a\x23\xd7\xce"
    ):
        same = records_of(data) == records_of(expected)
    if record.get("nan_key_order_random"):
        same = parsed(content_type, data) == parsed(content_type, expected)
    if record["method"] == "HEAD":
        same = data == b""
    if (response.status, response.getheader("Content-Type")) == (status, content_type) and same:
        return None
    asked = f"{record['id']} {record['method']} {record['path']} {record['content_type']}"
    got = f"{response.status} {response.getheader('Content-Type')} {data[:300]!r}"
    return f"{asked} {body[:80]!r}: got {got}, expected {status} {content_type} {expected[:300]!r}"


@pytest.mark.parametrize("key,records", servers())
def test_records(key, records):
    profile, model, env = key
    path = CASES.parent / "models" / model
    with serving("--model", path, "--profile", profile, "--strict", env=json.loads(env)) as server:
        wrong = [text for text in (different(server, record) for record in records) if text]
    assert not wrong, f"{len(wrong)} of {len(records)} differ:\n" + "\n".join(wrong)


@pytest.mark.parametrize("model", UNLOADABLE)
def test_refuses_to_start(model, tmp_path):
    import subprocess

    from conftest import PROGRAM, clean_environment

    path = CASES.parent / "models" / model
    if not CASES.exists():
        pytest.skip(f"no golden data at {CASES}")
    if model in ("empty",):
        path = tmp_path
    result = subprocess.run(
        [PROGRAM, "serve", "--model", str(path), "--port", "0"],
        stderr=subprocess.PIPE,
        env=clean_environment(),
        timeout=60,
    )
    assert result.returncode == 1
    lines = result.stderr.decode().splitlines()
    assert len(lines) == 1 and lines[0].startswith("endpointd: "), lines
    assert str(path) in lines[0]


# Where the default mode answers better than the original (README, spec section 12): by the status
# that the original gave, the records that the default mode may answer otherwise.
BETTER = {
    500: ["accept-017", "accept-021", "accept-022", "accept-026", "accept-027", "accept-032"]
    + ["accept-036", "resp-216", "resp-217", "resp-218", "resp-219"],
    415: ["csv-080", "ctype-052", "ctype-053", "pb-177", "pb-196", "pb-206", "pb-207", "pb-208"],
    400: ["pb-195"],
}


@pytest.mark.parametrize("key,records", servers())
def test_default_mode_differs_by_the_table_alone(key, records):
    profile, model, env = key
    path = CASES.parent / "models" / model
    with serving("--model", path, "--profile", profile, env=json.loads(env)) as server:
        wrong = [(record, different(server, record)) for record in records]
    unexpected = [
        text
        for record, text in wrong
        if text and record["id"] not in BETTER.get(record["status"], [])
    ]
    assert not unexpected, "\n".join(unexpected)
    if (model, env) == ("reg", "{}"):
        better = {record["id"] for record, text in wrong if text}
        assert {"ctype-052", "ctype-053", "accept-027", "resp-216"} <= better
        assert profile != "3.2-0" or {"pb-177", "pb-196", "pb-206", "pb-207"} <= better
