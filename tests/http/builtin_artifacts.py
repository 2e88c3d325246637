"""Writes model.tar.gz files as SageMaker's built-in algorithms leave them (linear-learner 1, 2, 7).

Each write_* function writes the archive to `path` and returns it. Arrays are numpy's, or nested
lists; options make what people do to an artifact: other versions of the array format, sparse
weights, no bias, deflated or loose members.

    write_linear(path, weight, bias, predictor_type="binary_classifier", threshold=0.4)
    write_factorization(path, w0, w1, v, predictor_type="regressor")
    write_kmeans(path, centroids)
    write_pca(path, v, mean)
    write_knn(path, vectors, labels, k=5, predictor_type="classifier")

*_members functions give the same as a dictionary of names and bytes, for write_archive.
"""
import io
import json
import struct
import tarfile
import zipfile

import numpy

V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
TYPES = {"float32": 0, "float64": 1, "float16": 2, "uint8": 3, "int32": 4, "int8": 5, "int64": 6}


def shape_bytes(shape, version=2):
    if version == 0:
        return struct.pack(f"<I{len(shape)}I", len(shape), *shape)
    return struct.pack(f"<I{len(shape)}q", len(shape), *shape)


def array_bytes(array, version=2):
    """A dense array of version 0 to 3, of its own dtype."""
    array = numpy.ascontiguousarray(array)
    head = [b"", struct.pack("<I", V1), struct.pack("<Ii", V2, 0), struct.pack("<Ii", V3, 0)][version]
    kind = struct.pack("<iii", 1, 0, TYPES[array.dtype.name])
    return head + shape_bytes(array.shape, version) + kind + array.astype(array.dtype.newbyteorder("<")).tobytes()


def row_sparse_bytes(array):
    """The same numbers as float32 and row_sparse: the rows that are not all zero."""
    array = numpy.asarray(array, "<f4")
    rows = numpy.flatnonzero(array.reshape(len(array), -1).any(axis=1)).astype("<i8")
    stored = numpy.ascontiguousarray(array[rows])
    head = struct.pack("<Ii", V2, 1) + shape_bytes(stored.shape) + shape_bytes(array.shape)
    kinds = struct.pack("<iiii", 1, 0, 0, 6) + shape_bytes(rows.shape)
    return head + kinds + stored.tobytes() + rows.tobytes()


def csr_bytes(array):
    """The same numbers as float32 and csr."""
    array = numpy.asarray(array, "<f4")
    row, column = numpy.nonzero(array)
    starts = numpy.zeros(len(array) + 1, "<i8")
    numpy.cumsum(numpy.bincount(row, minlength=len(array)), out=starts[1:])
    values = array[row, column].astype("<f4")
    head = struct.pack("<Ii", V2, 2) + shape_bytes(values.shape) + shape_bytes(array.shape)
    kinds = struct.pack("<iii", 1, 0, 0)
    kinds += struct.pack("<i", 6) + shape_bytes(starts.shape) + struct.pack("<i", 6) + shape_bytes(column.shape)
    return head + kinds + values.tobytes() + starts.tobytes() + column.astype("<i8").tobytes()


STORAGE = {"dense": array_bytes, "row_sparse": row_sparse_bytes, "csr": csr_bytes}


def list_bytes(records, names=()):
    """A list of arrays that *_bytes made; without names where there are none."""
    data = struct.pack("<QQQ", 0x112, 0, len(records)) + b"".join(records)
    data += struct.pack("<Q", len(names))
    return data + b"".join(struct.pack("<Q", len(name)) + name.encode() for name in names)


class Graph:
    """Nodes of a symbol; add() returns the index of the new one."""

    def __init__(self, attributes="attrs"):
        self.attributes = attributes
        self.nodes = []

    def add(self, op, name, *inputs, **attributes):
        node = {"op": op, "name": name, "inputs": [[i, 0, 0] for i in inputs]}
        if attributes:
            node[self.attributes] = attributes
        self.nodes.append(node)
        return len(self.nodes) - 1

    def text(self):
        variables = [i for i, node in enumerate(self.nodes) if node["op"] == "null"]
        document = {
            "nodes": self.nodes,
            "arg_nodes": variables,
            "node_row_ptr": list(range(len(self.nodes) + 1)),
            "heads": [[len(self.nodes) - 1, 0, 0]],
            "attrs": {"mxnet_version": ["int", 10301]},
        }
        return json.dumps(document, indent=2)


def linear_graph(features, outputs, loss_type, use_bias=True, attributes="attrs"):
    graph = Graph(attributes)
    data = graph.add("null", "data")
    weight = graph.add("null", "fc0_weight", __shape__=f"({features}, {outputs})")
    z = graph.add("dot", "dot22", data, weight)
    if use_bias:
        bias = graph.add("null", "fc0_bias", __lr_mult__="10.0", __shape__=f"(1, {outputs})")
        z = graph.add("broadcast_add", "broadcast_plus22", z, bias)
    output = {"logistic": "LogisticRegressionOutput", "squared_loss": "LinearRegressionOutput"}.get(loss_type)
    if output:
        label = graph.add("null", "out_label")
        graph.add(output, output.lower() + "22", z, label)
    elif loss_type == "softmax_loss":
        most = graph.add("max", "max0", z, axis="1", keepdims="True")
        t = graph.add("broadcast_sub", "broadcast_minus0", z, most)
        t = graph.add("_plus_scalar", "_plusscalar0", t, scalar="10.0")
        e = graph.add("exp", "exp0", t)
        total = graph.add("sum", "sum0", e, axis="1", keepdims="True")
        p = graph.add("broadcast_div", "broadcast_div0", e, total)
        q = graph.add("clip", "clip0", p, a_max="1.0", a_min="1e-10")
        block = graph.add("BlockGrad", "blockgrad0", q)
        label = graph.add("null", "out_label")
        loss = graph.add("log", "log0", graph.add("pick", "pick0", q, label, axis="1"))
        loss = graph.add("make_loss", "make_loss0", graph.add("negative", "negative0", loss))
        graph.add("broadcast_add", "broadcast_plus23", block, graph.add("_mul_scalar", "mul0", loss, scalar="1e-30"))
    else:
        block = graph.add("BlockGrad", "blockgrad0", z)
        label = graph.add("null", "out_label")
        loss = graph.add("abs", "abs0", graph.add("broadcast_sub", "broadcast_minus0", z, label))
        graph.add("broadcast_add", "broadcast_plus23", block, graph.add("_mul_scalar", "mul0", loss, scalar="1e-30"))
    return graph.text()


USUAL_LOSS = {
    "binary_classifier": "logistic",
    "multiclass_classifier": "softmax_loss",
    "regressor": "squared_loss",
}


def linear_members(weight, bias=None, predictor_type="binary_classifier", loss_type=None, threshold=0.5,
                   storage="dense", version=2, prefix="mx-mod", attributes="attrs"):
    """The members of model_algo-1. weight: [features, outputs]; bias None: use_bias was false."""
    weight = numpy.asarray(weight, "f4")
    loss_type = loss_type or USUAL_LOSS[predictor_type]
    records = [array_bytes(weight, version) if storage == "dense" else STORAGE[storage](weight)]
    names = ["arg:fc0_weight"]
    if bias is not None:
        records.append(array_bytes(numpy.asarray(bias, "f4").reshape(1, -1), version))
        names.append("arg:fc0_bias")
    metrics = {
        "class_weights": None, "accuracy_top_k": 3, "f_beta": 1.0, "threshold": threshold, "quantile": None,
        "huber_delta": None, "margin": None, "loss_insensitivity": None, "positive_example_weight_mult": 1.0,
    }
    settings = {
        "threshold": threshold, "loss_type": loss_type, "metrics_params": metrics, "predictor_type": predictor_type,
    }
    graph = linear_graph(*weight.shape, loss_type, bias is not None, attributes)
    return {
        f"{prefix}-symbol.json": graph.encode(),
        "manifest.json": json.dumps({prefix: "mxnet_module", "additional-params.json": "json", "version": 1}).encode(),
        f"{prefix}-0000.params": list_bytes(records, names),
        "additional-params.json": json.dumps(settings).encode(),
    }


def factorization_members(w0, w1, v, predictor_type="regressor", sparse=True):
    """The members of model_algo-1. w1: [features], v: [features, factors]."""
    w1 = numpy.asarray(w1, "f4").reshape(-1, 1)
    v = numpy.asarray(v, "f4")
    write = row_sparse_bytes if sparse else array_bytes
    graph = Graph()
    data = graph.add("null", "data")
    w0_weight = graph.add("null", "w0_weight", __shape__="(1,)")
    w1_weight = graph.add("null", "w1_weight", __shape__=str(w1.shape), __storage_type__="1")
    v_weight = graph.add("null", "v", __shape__=str(v.shape), __storage_type__="1")
    linear = graph.add("broadcast_add", "plus0", graph.add("dot", "dot0", data, w1_weight), w0_weight)
    squared = graph.add("square", "square0", graph.add("dot", "dot1", data, v_weight))
    squares = graph.add("square", "square1", v_weight)
    squares = graph.add("dot", "dot2", graph.add("square", "square2", data), squares)
    pairs = graph.add("sum", "sum0", graph.add("elemwise_sub", "minus0", squared, squares), axis="1", keepdims="True")
    z = graph.add("elemwise_add", "plus1", linear, graph.add("_mul_scalar", "mul0", pairs, scalar="0.5"))
    label = graph.add("null", "out_label")
    classes = predictor_type == "binary_classifier"
    graph.add("LogisticRegressionOutput" if classes else "LinearRegressionOutput", "out", z, label)
    records = [array_bytes(numpy.asarray([w0], "f4")), write(w1), write(v)]
    return {
        "meta.json": json.dumps({"training_parameters": {"predictor_type": predictor_type}}).encode(),
        "symbol.json": graph.text().encode(),
        "params": list_bytes(records, ["arg:w0_weight", "arg:w1_weight", "arg:v"]),
    }


def zip_bytes(members, deflated=False):
    """model_algo-1 of Linear Learner and factorization machines."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def write_archive(path, files):
    """A .tar.gz of a dictionary of names and bytes."""
    with tarfile.open(path, "w:gz", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def write_members(path, members, loose, deflated):
    return write_archive(path, members if loose else {"model_algo-1": zip_bytes(members, deflated)})


def write_linear(path, weight, bias=None, *, loose=False, deflated=False, **options):
    """options: those of linear_members."""
    return write_members(path, linear_members(weight, bias, **options), loose, deflated)


def write_factorization(path, w0, w1, v, *, loose=False, deflated=False, **options):
    """options: those of factorization_members."""
    return write_members(path, factorization_members(w0, w1, v, **options), loose, deflated)


def write_kmeans(path, centroids, *, version=2, state=False):
    """centroids: [clusters, features]; state: with the file that training goes on from."""
    centroids = numpy.asarray(centroids, "f4")
    files = {"model_algo-1": list_bytes([array_bytes(centroids, version)])}
    if state:
        weights = numpy.ones(len(centroids), "f4")
        records = [array_bytes(centroids), array_bytes(weights)]
        files["state_6b2e0a52-6a67-4bd8-b4f3-0a3b7b7a4f6e"] = list_bytes(records, ["0", "1"])
    return write_archive(path, files)


def write_pca(path, v, mean, *, s=None, version=2):
    """v: [features, components]; mean None: without."""
    v = numpy.asarray(v, "f4")
    arrays = {"s": numpy.ones(v.shape[1], "f4") if s is None else numpy.asarray(s, "f4"), "v": v}
    if mean is not None:
        arrays["mean"] = numpy.asarray(mean, "f4").reshape(1, -1)
    records = [array_bytes(array, version) for array in arrays.values()]
    return write_archive(path, {"model_algo-1": list_bytes(records, list(arrays))})


def faiss_bytes(vectors):
    """A flat index of FAISS, of Euclidean distances."""
    vectors = numpy.ascontiguousarray(vectors, "<f4")
    count, dimension = vectors.shape
    head = b"IxF2" + struct.pack("<iqqqBi", dimension, count, 1 << 20, 1 << 20, 1, 1)
    return head + struct.pack("<Q", vectors.size) + vectors.tobytes()


def npy_bytes(array):
    out = io.BytesIO()
    numpy.save(out, array)
    return out.getvalue()


def knn_files(vectors, labels, k, predictor_type="classifier", normalize=False, reduction="identity"):
    vectors = numpy.asarray(vectors, "f4")
    settings = {
        "normalize": normalize,
        "dimension_reduction": {"type": reduction, "input_dim": vectors.shape[1]},
        "k": k,
        "version": "1.0",
        "predictor_type": predictor_type,
    }
    return {
        "model_algo-1": faiss_bytes(vectors),
        "model_algo-1-labels.npy": npy_bytes(numpy.asarray(labels, "<f8")),
        "model_algo-1.json": json.dumps(settings).encode(),
    }


def write_knn(path, vectors, labels, k, **options):
    """options: those of knn_files."""
    return write_archive(path, knn_files(vectors, labels, k, **options))
