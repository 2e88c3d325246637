#!/usr/bin/python3
"""Writes the fuzz targets' seeds: DIRECTORY/NAME/FILE for each target NAME.

Texts and requests are written here; models are trained on random numbers with Debian's
python3-xgboost and saved in every format it has. Without that package those seeds are left out.
Usage: make_corpus.py DIRECTORY STAMP
"""
import gzip
import io
import json
import pathlib
import pickle
import struct
import sys
import tarfile
import zipfile
import zlib

root = pathlib.Path(sys.argv[1])
example = (
    pathlib.Path(__file__).resolve().parent.parent.parent / "docker" / "example" / "model.json"
)


def put(target, name, data):
    directory = root / target
    directory.mkdir(parents=True, exist_ok=True)
    (directory / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def texts():
    rows = {
        "plain": "0.1,0.2,0.3\n4,5,6\n",
        "crlf": "1,2\r\n3,\r\n",
        "tabs": "1\t2\t\n3\t4\t5",
        "odd": "1_000,.5,5.,1e-5,nan,-inf,\u0661\u0662, 7 ,\u00a08\n",
        "ragged": "1,2,3\n4,5\n",
        "bad": "a,b,c\n1,2,3\n",
        "quotes": "\"5\",'6',\\7\n",
        "utf8": b"1,\xff\xfe,2\n",
        "long": ",".join(["0.123456789012345678"] * 400) + "\n",
        "rows": "".join(f"{i},{i / 7:.4g},,-{i * 1.1:.17g},{i / 3e5:.9e}\n" for i in range(40)),
        "rows_crlf": "".join(f"{i}, {i / 7:.4g},,+{i},{i % 4}{'' if i % 9 else 'x'}\r\n" for i in range(1, 40)),
        "column": "\n".join(["0", "", "12", "-.5", "1e5", "123456789012345678"] * 20),
        "halfway": "9007199254740993,2.2250738585072011e-308,4.9e-324,1e400\n",
    }
    for name, text in rows.items():
        put("csv", name, text)
        put("csv_builtin", name, b"\x00\x2f" + (text if isinstance(text, bytes) else text.encode()))
    streamed = {
        "rows": "\n \n" + "1,2,3\n-4.5,,6e-3\n" * 20 + "\t\n\n",
        "tabs": "1\t2\t3\n\t\t\n\t2\t\n" * 5 + "7\t8\t9\t \n",
        "ragged": "1,2,3\n" * 9 + "1,x,3\n1,2\n" + "1,2,3\n" * 9,
        "infinite": "1,2,3\n" * 9 + "inf,2,3\n" + "1,2,3\n" * 9 + "1,2,'\n",
        "columns": "1,2,3,4\r\n" * 12,
        "utf8": b"1,2,3\n" * 9 + b"1,\xe2\x82\n1,x,3\n" + b"1,\xef\xbc\x91,\xff\n" * 3,
        "cut": b"1,2,3\n" * 9 + b"1,2,\xe2\x82 \n\n",
        "words": "\u00e9\u00e9\n\u00e9\n" * 5,
    }
    for i, (name, text) in enumerate({**rows, **streamed}.items()):
        body = text if isinstance(text, bytes) else text.encode()
        put("csv_stream", name, bytes([i * 29 % 256, 5 + i, i]) + body)
    lines = {
        "plain": "1 0:0.1 1:0.2 4:0.5\n0 2:1\n",
        "odd": "1:0.2 2:1\n\n0:1 0:2\n1 7:nan 3:1:9 \n",
        "bad": "qid:3 1:2\n",
        "negative": "1 -1:2\n",
        "large": "1 99999999999:1\n1 99999999999999999999:1\n",
        "empty": "1\n2\n",
    }
    for name, text in lines.items():
        put("libsvm", name, text)
    numbers = [
        "1",
        "-0.0",
        "1e-400",
        "179769313486231580793e289",
        "0x10",
        "1_0",
        " 7 ",
        "1" * 800 + "e-700",
        "2.4703282292062327208e-324",
        "9007199254740992.99999999999999999999",
        "nan",
        "+Infinity",
    ]
    for i, text in enumerate(numbers):
        put("number", f"{i}", text)


def builtin_texts():
    rows = {
        "spaces": b" 1 , 2\t,3\n 4,5 , 6 \n",
        "blank": b"1,2\n\n \t\r\n3,4\n\n",
        "one-column": b"1\n\n2\r\n3",
        "quoted": b'"1.5", "2" ,3\n"4",5,6\n',
        "empty": b"1,2,\n3,4,5\n",
        "wide": b"1,2,3\n4,5,6,7\n",
        "narrow": b"1,2,3\n4,5\n\n6,7,8\n",
        "cut-utf8": b"1,2\n\xc3\n3,4\n",
        "long": b"\n".join(b",".join(b"%d" % (i * j % 256) for j in range(40)) for i in range(40)),
    }
    for name, text in rows.items():
        put("csv_builtin", f"builtin-{name}", b"\x08\x51" + text)
    labels = b'a,1,2\n"b, ""c""",3,4\n,5,6\nd,"7",8\n'
    put("csv_builtin", "labels", b"\x01\x33" + labels)
    put("csv_builtin", "expected", b"\x41\x02" + labels)
    arrays = {
        "spaces": b"1, 2.5, -3, 0.0313725490196, 12345678901234567, 1e-05]",
        "compact": b"0,0,0,255,12,-0.5,0.1234567890123456789]",
        "indented": b"\n  1,\n  2 ,\t3\r\n]",
        "words": b"NaN, Infinity, -Infinity, null, 1]",
        "grammar": b"0, -0, 0.0, 10, 1.e5]",
        "zeros": b"0,01]",
        "points": b"1,.5]",
        "point-end": b"1.,2]",
        "plus": b"+1]",
        "trailing": b"1,2,]",
        "string": b'1,"]",2]',
        "open": b"1,2",
        "wide": b"1,2 3,  4]",
    }
    for number, (name, text) in enumerate(arrays.items()):
        put("json_numbers", name, bytes([64 + 30 + number]) + text)
        put("json_numbers", f"{name}-short", b"\x00" + text)


def json_rows():
    records = {
        "dense": ['{"features": [1.5, -2e3, 0]}', '{"data": {"features": [4, 5, 6]}}'],
        "arrays": ["[1,2]", "[null,NaN]", "[ 3 ,\t4 ]"],
        "values": ['{"data":{"features":{"values":[1,2],"shape":[2]}},"configuration":{}}'],
        "sparse": [
            '{"features":{"keys":[26,182],"shape":[2000],"values":[1,4]}}',
            '{"features":{"keys":[],"shape":[7],"values":[]}}',
        ],
        "mixed": [
            "[1,2,3]",
            '{"features":{"keys":[2,0,2],"shape":[4],"values":[1,2,0.5]}}',
            "[4,5,6]",
        ],
        "others": [
            '{"id":"\\u00e9\\"\u00e9","f\\u0065atures":[1]}',
            '{"x":[{"features":[2]},true,[]],"features":[3]}',
        ],
        "numbers": ["[1e39,0.1234567890123456789,-0,1E+5,12345678901234567890,3.4028235e38]"],
        "infinite": ["[Infinity,-Infinity]"],
        "bad": ["[01]", "[1.]", "[1,]", '["1"]'],
        "ragged": ["[1,2]", "[3]"],
        "huge": [
            '{"features":{"keys":[9223372036854775806,7],"shape":[9223372036854775807],'
            '"values":[1,2]}}'
        ],
        "deep": ['{"x":' + "[" * 40 + "]" * 40 + ',"features":[1]}'],
    }
    for name, rows in records.items():
        for rules in "\x01", "1":
            document = '{"instances": [' + ", ".join(rows) + "]}"
            put("json_request", f"{name}-{ord(rules)}", rules + document)
            put("jsonlines", f"{name}-{ord(rules)}", rules + "\n".join(rows) + "\r\n\n")
    put("json_request", "twice", '\x01{"instances":[[1]],"x":{},"instances":[[2]]}')
    put("json_request", "empty", '\x01{"instances":[]}')


def requests():
    heads = {
        "get": "GET /ping HTTP/1.1\r\nHost: a\r\n\r\n",
        "post": "POST /invocations HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Type: text/csv\r\n\r\n1,2",
        "chunked": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3;x=y\r\n1,2\r\nA\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\n",
        "expect": "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n",
        "old": "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "both": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        "fold": "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n",
        "absolute": "GET http://a:80/ping?x=1 HTTP/1.1\r\nHost: a\r\n\r\n",
    }
    for name, text in heads.items():
        put("http", name, text)


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def frame(content, kind=0):
    head = struct.pack("<II", 0xCED7230A, len(content) | kind << 29)
    return head + content + bytes(-len(content) % 4)


def records():
    def record(tensor, kind=2, key=b"values", place=1):
        return field(place, field(1, key) + field(2, field(kind, tensor)))

    dense = field(1, struct.pack("<3f", 0.5, float("nan"), -2))
    doubles = field(1, struct.pack("<3d", 1, 1e300, 5e-324))
    ints = field(1, b"".join(map(varint, (0, 300, 2**64 - 1))))
    keys = field(2, b"".join(map(varint, (7, 2, 7))))
    shape = field(3, varint(9))
    long = field(1, struct.pack("<300f", *range(300)))
    long += field(2, b"".join(map(varint, range(300, 0, -1))))
    large = field(2, b"".join(map(varint, (2**64 - 1, 2**32, 2**32 - 1))))
    bits = field(1, bytes(24))
    pieces = field(2, field(2, dense)) + field(1, b"values") + field(2, field(2, keys))
    bodies = {
        "dense": frame(record(dense)) * 3,
        "types": frame(record(dense)) + frame(record(ints, 7)) + frame(record(bits, 3)),
        "infinite": frame(record(dense)) + frame(record(doubles, 3)),
        "sparse": frame(record(dense + keys + shape))
        + frame(record(shape))
        + frame(record(ints + keys, 7)),
        "mixed": frame(record(dense)) + frame(b"") + frame(record(dense + keys)),
        "ragged": frame(record(dense)) + frame(record(dense + dense)),
        "labels": frame(record(dense) + record(dense, place=2)) * 2,
        "long": frame(record(long)),
        "unpacked": frame(record(b"\r\0\0\x80?\x10\x03\x18\x09\x0b\x0c" + shape)),
        "pieces": frame(field(1, pieces)),
        "bytes": frame(record(field(1, b"x"), 9) + field(3, b"uid") + b"\xa3\x06\x08\x01\xa4\x06"),
        "parts": frame(record(field(1, bytes(12)))[:20], 1) + frame(bytes(4), 3),
        "magic": frame(record(dense)) + b"12345678",
        "huge": frame(record(dense + large)),
    }
    for name, body in bodies.items():
        for rules in range(3):
            put("recordio", f"{name}-{rules}", bytes([(48, 16, 2)[rules]]) + body)


def multi_model_requests():
    load = '{"model_name": "a", "url": "/m", "initial_workers": 1, "batch_size": "2", "synchronous": true}'
    inputs = {
        "json": "/models\n\napplication/json; charset=utf-8\n" + load,
        "query": "/models\nurl=%2Fa%20b&model_name=q+r&synchronous=false&limit=7\n\n",
        "name": "/models/a%2Fb%C3%A9/invoke\nnext_page_token=-3\ntext/csv\n1,2",
        "relative": "/predictions/x\nurl=..%2Fx&model_name=y\n\n<&='>",
        "malformed": '/models/%zz\na=%&b\napplication/json\n{"url": [',
    }
    for name, text in inputs.items():
        put("mme_request", name, text)


def put_model(name, target, data):
    put(target, name, data)
    put("pickle", f"bytes-{name}", pickle.dumps(bytearray(data[:2000]), protocol=4))


def archives():
    model = b'{"learner":{}}'
    for name, mode in (("tar", "w"), ("tar.gz", "w:gz"), ("tar.bz2", "w:bz2"), ("tar.xz", "w:xz")):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode=mode) as tar:
            for member in ("xgboost-model", "./second", "code/inference.py"):
                info = tarfile.TarInfo(member)
                info.size = len(model)
                tar.addfile(info, io.BytesIO(model))
        put("archive", name, out.getvalue())
    for kind, where in ((tarfile.SYMTYPE, "/etc/passwd"), (tarfile.LNKTYPE, "xgboost-model")):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as tar:
            info = tarfile.TarInfo("link")
            info.type = kind
            info.linkname = where
            tar.addfile(info)
        put("archive", f"link{kind.decode()}", out.getvalue())
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xgboost-model", model * 100)
    put("archive", "zip", out.getvalue())


def mx_dense(values, shape, version=2, code="f", flag=0):
    """An MXNet array; version 0 to 3."""
    head = struct.pack("<I", 0xF993FAC7 + version) if version else b""
    if version >= 2:
        head += struct.pack("<i", 0)
    size = "q" if version else "I"
    head += struct.pack(f"<I{len(shape)}{size}", len(shape), *shape)
    return head + struct.pack(f"<iii{len(values)}{code}", 1, 0, flag, *values)


def mx_row_sparse(rows, columns, stored):
    """stored: row -> its values."""
    head = struct.pack("<Ii", 0xF993FAC9, 1)
    head += struct.pack("<iqq", 2, len(stored), columns) + struct.pack("<iqq", 2, rows, columns)
    head += struct.pack("<iii", 1, 0, 0) + struct.pack("<iiq", 6, 1, len(stored))
    values = [x for row in stored.values() for x in row]
    return head + struct.pack(f"<{len(values)}f{len(stored)}q", *values, *stored)


def mx_csr(rows, columns, starts, index, values):
    head = struct.pack("<Ii", 0xF993FAC9, 2)
    head += struct.pack("<iq", 1, len(values)) + struct.pack("<iqq", 2, rows, columns)
    head += struct.pack("<iii", 1, 0, 0) + struct.pack("<iiqiiq", 6, 1, rows + 1, 6, 1, len(values))
    head += struct.pack(f"<{len(values)}f", *values)
    return head + struct.pack(f"<{rows + 1}q{len(index)}q", *starts, *index)


def mx_list(arrays, names=()):
    data = struct.pack("<QQQ", 0x112, 0, len(arrays)) + b"".join(arrays)
    data += struct.pack("<Q", len(names))
    return data + b"".join(struct.pack("<Q", len(n)) + n.encode() for n in names)


def mx_symbol(head, shape, key="attrs"):
    """The graph of Linear Learner that ends in `head`: an op, or the ops of its softmax."""
    ops = [("null", "data", []), ("null", "fc0_weight", []), ("dot", "dot0", [0, 1])]
    ops += [("null", "fc0_bias", []), ("broadcast_add", "plus0", [2, 3]), ("null", "out_label", [])]
    for op in head:
        ops.append((op, f"{op}{len(ops)}", [4, len(ops) - 1]))
    nodes = []
    for op, name, inputs in ops:
        node = {"op": op, "name": name, "inputs": [[i, 0, 0] for i in inputs]}
        if name == "fc0_weight":
            node[key] = {"__shape__": str(shape)}
        nodes.append(node)
    heads = [[len(nodes) - 1, 0, 0]]
    attributes = {"mxnet_version": ["int", 10301]}
    return json.dumps({"nodes": nodes, "arg_nodes": [0, 1, 3, 5], "heads": heads, "attrs": attributes})


def zipped(members, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=method)
    return out.getvalue()


def builtins():
    pair = ("arg:fc0_weight", "arg:fc0_bias")
    lists = {
        f"v{version}": mx_list(
            [mx_dense([0.5, -2, 3, 4], [2, 2], version), mx_dense([1, 2], [1, 2], version)], pair
        )
        for version in range(4)
    }
    rows = {0: [1.0, 2.0], 3: [3.0, 4.0]}
    lists["row_sparse"] = mx_list([mx_row_sparse(5, 2, rows)], ("aux:x",))
    lists["csr"] = mx_list([mx_csr(3, 4, [0, 1, 1, 3], [3, 0, 2], [1.0, 2.0, 3.0])])
    codes = "fdeBibqBhHIQH"
    for flag, code in enumerate(codes):
        lists[f"type{flag}"] = mx_list([mx_dense([1, 2, 3], [3], 2, code, flag)])
    none = struct.pack("<IiI", 0xF993FAC9, 0, 0) + struct.pack("<Iii", 0xF993FACA, 0, -1)
    lists["none"] = mx_list([none[:12], none[12:], mx_dense([7], [], 3), bytes(4)])
    for name, data in lists.items():
        put("ndarray", name, data)
    softmax = ["max", "broadcast_sub", "exp", "sum", "broadcast_div", "clip", "BlockGrad"]
    heads = {
        "binary_classifier/logistic": (["LogisticRegressionOutput"], 1),
        "binary_classifier/hinge_loss": (["abs", "BlockGrad"], 1),
        "multiclass_classifier/softmax_loss": (softmax, 2),
        "regressor/squared_loss": (["LinearRegressionOutput"], 1),
    }
    for i, (kind, (head, outputs)) in enumerate(heads.items()):
        predictor, loss = kind.split("/")
        symbol = mx_symbol(head, (3, outputs), ("attrs", "attr", "param", "attrs")[i])
        put("symbol", loss, symbol)
        weight = mx_dense(range(3 * outputs), [3, outputs])
        if i == 3:
            weight = mx_row_sparse(3, 1, {1: [2.5]})
        settings = {"predictor_type": predictor, "loss_type": loss, "threshold": 0.5}
        members = {
            "manifest.json": '{"additional-params.json": "json", "mx-mod": "mxnet_module", "version": 1}',
            "mx-mod-0000.params": mx_list([weight, mx_dense(range(outputs), [1, outputs])], pair),
            "additional-params.json": json.dumps(settings),
            "mx-mod-symbol.json": symbol,
        }
        put("builtin_zip", loss, b"\0" + zipped(members))
        put("builtin_zip", f"{loss}-deflated", b"\0" + zipped(members, zipfile.ZIP_DEFLATED))
        put("builtin_zip", f"{loss}-loose", b"\1" + zipped(members))
    machine = {
        "meta.json": '{"training_parameters": {"predictor_type": "regressor"}}',
        "symbol.json": mx_symbol(["LinearRegressionOutput"], (3, 1)),
        "params": mx_list(
            [mx_dense([1], [1]), mx_row_sparse(3, 1, {1: [2.0]}), mx_row_sparse(3, 2, {2: [1.0, 3.0]})],
            ("arg:w0_weight", "arg:w1_weight", "arg:v"),
        ),
    }
    put("builtin_zip", "machine", b"\0" + zipped(machine))
    put("builtin_zip", "kmeans", b"\0" + mx_list([mx_dense(range(6), [3, 2])]))
    parts = [mx_dense([1, 2], [2]), mx_dense(range(6), [3, 2]), mx_dense([1, 2, 3], [1, 3])]
    put("builtin_zip", "pca", b"\0" + mx_list(parts, ("s", "v", "mean")))


def streams():
    text = b"0123456789" * 300
    put("inflate", "zlib", zlib.compress(text))
    put("inflate", "gzip", gzip.compress(text, mtime=0))
    put("inflate", "zfile", b"ZF" + hex(len(text)).encode().ljust(19) + zlib.compress(text))
    for name in ("bz2", "lzma"):
        module = __import__(name)
        put("inflate", name, module.compress(text))
        if name == "lzma":
            put("inflate", "lzma1", module.compress(text, format=module.FORMAT_ALONE))


def neighbours():
    vectors = struct.pack("<6f", *range(6))
    for kind in ("IxF2", "IxFI", "IwFl", "IxXX"):
        for d, n, metric in ((3, 2, 1), (6, 1, 0), (2, 0, 1), (1, 2**62, 7)):
            head = struct.pack("<4siqqqbi", kind.encode(), d, n, 1 << 20, 1 << 20, 1, metric)
            data = vectors[: 4 * d * n] if n < 9 else vectors
            put("faiss_index", f"{kind}-{d}", head + struct.pack("<Q", d * n % 2**64) + data)
    headers = {
        "f8": "{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }",
        "f4": "{'descr': '>f4', 'fortran_order': True, 'shape': (6,)}",
        "i2": "{'shape': (12L,), 'descr': \"<i2\", 'fortran_order': False}",
        "bool": "{'descr': '|b1', 'fortran_order': False, 'shape': (24,), }",
        "object": "{'descr': '|O', 'fortran_order': False, 'shape': (3,), }",
        "record": "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (3,), }",
        "square": "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
        "huge": "{'descr': '<f8', 'fortran_order': False, 'shape': (2305843009213693955,), }",
    }
    for name, text in headers.items():
        for version in (1, 2, 3):
            length = struct.pack("<H" if version == 1 else "<I", len(text))
            put("npy", f"{name}-{version}", b"\x93NUMPY" + bytes([version, 0]) + length + text.encode() + vectors)


def pickles():
    values = [
        None,
        [1, 2.5, "x"],
        {"a": (1, 2), b"b": {3}},
        10**30,
        bytearray(b"abc"),
        "\u00e9" * 70,
    ]
    for protocol in range(6):
        put("pickle", f"values-{protocol}", pickle.dumps(values, protocol=protocol))
    put("pickle", "system", b"cos\nsystem\n(S'true'\ntR.")


def models():
    put_model("example.json", "json", example.read_bytes())
    put("json_reader", "example", example.read_bytes()[:3000])
    put("json_reader", "all", '{"a":[1,-2.5e3,true,null,NaN,-Infinity,"x\\"y"],"b":{}}')
    try:
        import numpy
        import xgboost
    except ImportError:
        print("make_corpus.py: no python3-xgboost: seeds of models are few", file=sys.stderr)
        return
    random = numpy.random.RandomState(7)
    x = random.rand(200, 4).astype("float32")
    x[random.rand(*x.shape) < 0.1] = numpy.nan
    y = random.randint(0, 3, 200)
    kinds = {
        "logistic": ({"objective": "binary:logistic"}, (y > 0).astype(int)),
        "softprob": ({"objective": "multi:softprob", "num_class": 3}, y),
        "dart": ({"booster": "dart", "rate_drop": 0.5, "objective": "reg:squarederror"}, y),
        "gblinear": ({"booster": "gblinear", "objective": "count:poisson"}, y),
    }
    out = pathlib.Path(sys.argv[1]) / "tmp"
    out.mkdir(parents=True, exist_ok=True)
    for name, (parameters, label) in kinds.items():
        data = x if name != "gblinear" else numpy.nan_to_num(x)
        booster = xgboost.train(
            {"max_depth": 3, "verbosity": 0, "nthread": 1, **parameters},
            xgboost.DMatrix(data, label),
            num_boost_round=3,
        )
        for suffix, target in (("json", "json"), ("ubj", "ubjson"), ("bin", "legacy")):
            path = out / f"m.{suffix}"
            booster.save_model(path)
            put_model(f"{name}.{suffix}", target, path.read_bytes())
            path.unlink()
        for protocol in (0, 2, 4, 5):
            put("pickle", f"{name}-{protocol}", pickle.dumps(booster, protocol=protocol))
    out.rmdir()
    categories = x.copy()
    categories[:, 0] = random.randint(0, 8, 200)
    booster = xgboost.train(
        {
            "max_depth": 3,
            "verbosity": 0,
            "nthread": 1,
            "tree_method": "approx",
            "max_cat_to_onehot": 2,
        },
        xgboost.DMatrix(categories, y, feature_types=["c", "q", "q", "q"], enable_categorical=True),
        3,
    )
    put("ubjson", "categories", bytes(booster.save_raw("ubj")))
    put("json", "categories", bytes(booster.save_raw("json")))
    put(
        "pickle",
        "array-4",
        pickle.dumps([random.rand(3, 2), numpy.array(["a", "bc"]), numpy.float32(1)], 4),
    )
    put("pickle", "array-2", pickle.dumps(numpy.array([None, "x"], dtype=object), 2))
    put(
        "legacy",
        "binf",
        b"binf" + (root / "legacy" / "logistic.bin").read_bytes().removeprefix(b"binf"),
    )
    body = (root / "legacy" / "logistic.bin").read_bytes().removeprefix(b"binf")
    put("legacy", "snapshot", b"CONFIG-offset:" + struct.pack("<q", len(body)) + body + b"{}")


texts()
builtin_texts()
json_rows()
requests()
records()


multi_model_requests()
archives()
builtins()
streams()
neighbours()
pickles()
models()
pathlib.Path(sys.argv[2]).write_text("done\n")
