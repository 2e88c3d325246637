"""ONNX Runtime's scorer of a model file through its Python interface, in microseconds a row.

    peer_onnx.py [--seconds S] [--margins FILE] MODEL ROWS COLUMNS OUTPUTS

The arguments and what is printed are those of benchmarks/row_timing.h. The model is converted by
onnxmltools and kept beside MODEL. One thread. What a caller of Python waits for is in the figures:
about two microseconds a call. Written to FILE are probabilities: the converted model has no margins.
"""
import argparse
import json
import pathlib
import time

import numpy
import onnxruntime

SLICE_SECONDS = 0.003


def convert(path, columns):
    """MODEL as an ONNX file; made once."""
    target = path.with_suffix(".onnx")
    if target.exists() and target.stat().st_mtime >= path.stat().st_mtime:
        return target
    import onnxmltools
    import xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType

    booster = xgboost.Booster()
    booster.load_model(path)
    model = onnxmltools.convert_xgboost(
        booster, initial_types=[("rows", FloatTensorType([None, columns]))], target_opset=15)
    target.write_bytes(model.SerializeToString())
    return target


def open_session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def waited():
    with open("/proc/self/schedstat") as file:
        ran, ready = map(int, file.read().split()[:2])
    return ready / max(ran + ready, 1)


def measure(call, blocks, seconds):
    """Microseconds a row: median, tenth and ninetieth of a hundred slices."""
    calls, at, slices, total = 1, 0, [], 0.0
    while total < seconds or len(slices) < 3:
        start = time.process_time()
        for _ in range(calls):
            call(blocks[at])
            at = (at + 1) % len(blocks)
        took = time.process_time() - start
        if took < SLICE_SECONDS / 2:
            calls *= 2
            continue
        total += took
        slices.append(took * 1e6 / (calls * len(blocks[0])))
    slices.sort()
    tenth = len(slices) // 10
    return slices[len(slices) // 2], slices[tenth], slices[-1 - tenth]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=0.4)
    parser.add_argument("--margins")
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("rows")
    parser.add_argument("columns", type=int)
    parser.add_argument("outputs", type=int)
    options = parser.parse_args()
    path = convert(options.model, options.columns)
    start = time.process_time()
    session = open_session(path)
    load = time.process_time() - start
    rows = numpy.fromfile(options.rows, dtype=numpy.float32).reshape(-1, options.columns)
    inputs = session.get_inputs()[0].name
    output = session.get_outputs()[-1].name

    def call(block):
        return session.run([output], {inputs: block})[0]

    singles = [rows[i:i + 1] for i in range(len(rows))]
    whole = numpy.asarray(call(rows), dtype=numpy.float32)[:, -options.outputs:]
    alone = numpy.concatenate([call(row) for row in singles])[:, -options.outputs:]
    if options.margins:
        numpy.ascontiguousarray(whole).tofile(options.margins)
    one = measure(call, singles, options.seconds)
    many = measure(call, [rows], options.seconds)
    print(json.dumps({
        "scorer": "ONNX Runtime", "version": onnxruntime.__version__, "load_ms": load * 1e3,
        "rows": len(rows), "same_bits_alone": whole.tobytes() == alone.tobytes(), "waited": waited(),
        "one_us": one[0], "one_low": one[1], "one_high": one[2],
        "many_us": many[0], "many_low": many[1], "many_high": many[2],
    }))


if __name__ == "__main__":
    main()
