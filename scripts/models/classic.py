"""Models in TF1 form: reference variables, ParseExample, Saver, init ops."""

import shutil
from pathlib import Path

import numpy as np
import tensorflow as tf

from golden import ROOT, Golden, example, run

v1 = tf.compat.v1
pm = v1.saved_model


def _builder(model: str, version: int):
    path = ROOT / model / str(version)
    shutil.rmtree(path, ignore_errors=True)
    return path, pm.builder.SavedModelBuilder(str(path))


def _info(t):
    return pm.utils.build_tensor_info(t)


def half_plus_two() -> None:
    """y = a x + b, y2 = a x + c, y3 = a x2 + c. Version 2 has b = 3, so that answers tell the version."""
    golden = Golden("half_plus_two")
    for version, b_value in ((1, 2.0), (2, 3.0)):
        path, builder = _builder("half_plus_two", version)
        asset = Path("foo.txt")
        asset.write_text("asset-file-contents\n")
        with tf.Graph().as_default(), v1.Session() as session:
            a = v1.Variable(0.5, name="a", use_resource=False)
            b = v1.Variable(b_value, name="b", use_resource=False)
            c = v1.Variable(b_value + 1, name="c", use_resource=False)
            serialized = v1.placeholder(tf.string, name="tf_example", shape=[None])
            features = v1.parse_example(serialized, {"x": v1.FixedLenFeature([1], tf.float32), "x2": v1.FixedLenFeature([1], tf.float32, default_value=[0.0])})
            x = tf.identity(features["x"], name="x")
            x2 = tf.identity(features["x2"], name="x2")
            y = tf.add(tf.multiply(a, x), b, name="y")
            y2 = tf.add(tf.multiply(a, x), c, name="y2")
            y3 = tf.add(tf.multiply(a, x2), c, name="y3")
            filename = tf.constant(str(asset), name="filename_tensor")
            v1.add_to_collection(v1.GraphKeys.ASSET_FILEPATHS, filename)
            read_back = v1.Variable("", name="asset_path", trainable=False, use_resource=False, collections=[])
            main_op = tf.group(v1.assign(read_back, filename))
            session.run(v1.global_variables_initializer())
            inputs, outputs, scores = pm.REGRESS_INPUTS, pm.REGRESS_OUTPUTS, pm.CLASSIFY_OUTPUT_SCORES
            sig = pm.build_signature_def
            builder.add_meta_graph_and_variables(
                session,
                [pm.tag_constants.SERVING],
                signature_def_map={
                    "serving_default": sig({"x": _info(x)}, {"y": _info(y)}, pm.PREDICT_METHOD_NAME),
                    "regress_x_to_y": sig({inputs: _info(serialized)}, {outputs: _info(y)}, pm.REGRESS_METHOD_NAME),
                    "regress_x_to_y2": sig({inputs: _info(serialized)}, {outputs: _info(y2)}, pm.REGRESS_METHOD_NAME),
                    "regress_x2_to_y3": sig({inputs: _info(x2)}, {outputs: _info(y3)}, pm.REGRESS_METHOD_NAME),
                    "classify_x_to_y": sig({inputs: _info(serialized)}, {scores: _info(y)}, pm.CLASSIFY_METHOD_NAME),
                    "classify_x2_to_y3": sig({inputs: _info(x2)}, {scores: _info(y3)}, pm.CLASSIFY_METHOD_NAME),
                },
                assets_collection=v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
                main_op=main_op,
            )
        builder.save()
        asset.unlink()
        column = lambda *v: {"x": np.array([[f] for f in v], np.float32)}
        golden.add(version, "serving_default", run(path, "serving_default", {
            "one row": column(1.0), "three rows": column(1.0, 2.0, 5.0), "no row": {"x": np.zeros((0, 1), np.float32)},
            "rank 1, which the placeholder does not declare": {"x": np.array([1, 2, 5], np.float32)}, "a scalar": {"x": np.float32(4)},
            "not numbers": column(np.nan, np.inf),
        }))
        batch = {"inputs": np.array([example(x=[80.0]), example(x=[20.0], x2=[4.0])], object)}
        bad = {"inputs": np.array([b"no example"], object)}
        missing = {"inputs": np.array([example(x2=[1.0])], object)}
        wrong = {"inputs": np.array([example(x=[1])], object)}
        for name in ("regress_x_to_y", "regress_x_to_y2", "classify_x_to_y"):
            extra = {"two examples": {"examples": [{"x": [80.0]}, {"x": [20.0], "x2": [4.0]}]}}
            golden.add(version, name, run(path, name, {"two examples": batch, "bytes that are no example": bad, "a required feature is missing": missing, "a feature of another type": wrong}, extra=extra), method=name.split("_")[0])
        for name in ("regress_x2_to_y3", "classify_x2_to_y3"):
            golden.add(version, name, run(path, name, {"two rows": {"inputs": np.array([[1], [2]], np.float32)}}), method=name.split("_")[0])
    golden.write()


def counter() -> None:
    """A counter whose signatures change state; outputs are declared as float references."""
    path, builder = _builder("counter", 1)
    with tf.Graph().as_default(), v1.Session() as session:
        count = v1.get_variable("counter", initializer=0.0, use_resource=False)
        delta = v1.placeholder(tf.float32, name="delta")
        signatures = {
            "get_counter": (dict(), count),
            "incr_counter": (dict(), v1.assign_add(count, 1.0, name="incr")),
            "incr_counter_by": ({"delta": _info(delta)}, v1.assign_add(count, delta, name="incr_by")),
            "reset_counter": (dict(), v1.assign(count, 0.0, name="reset")),
        }
        session.run(v1.global_variables_initializer())
        builder.add_meta_graph_and_variables(
            session, [pm.tag_constants.SERVING],
            signature_def_map={k: pm.build_signature_def(i, {"output": _info(o)}, pm.PREDICT_METHOD_NAME) for k, (i, o) in signatures.items()},
        )
    builder.save()
    golden = Golden("counter")
    script = [("get_counter", {}), ("incr_counter", {}), ("reset_counter", {}), ("incr_counter", {}), ("incr_counter_by", {"delta": np.float32(3)}), ("get_counter", {})]
    with tf.Graph().as_default() as graph, v1.Session(graph=graph) as session:
        meta = pm.load(session, ["serve"], str(path))
        steps = []
        from golden import to_json

        for signature, inputs in script:
            s = meta.signature_def[signature]
            got = session.run(s.outputs["output"].name, {s.inputs[k].name: v for k, v in inputs.items()})
            steps.append({"signature": signature, "inputs": {k: to_json(v) for k, v in inputs.items()}, "outputs": {"output": to_json(got)}})
    golden.versions["1"] = {"signatures": {}, "script": steps}
    golden.write()


def matrix() -> None:
    """Constants only: no variables directory."""
    path, builder = _builder("matrix", 1)
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 3, 3], name="x")
        y = tf.add(tf.multiply(tf.constant(0.5), x), tf.constant(2.0), name="y")
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": pm.build_signature_def({"x": _info(x)}, {"y": _info(y)}, pm.PREDICT_METHOD_NAME)})
    builder.save()
    golden = Golden("matrix")
    golden.add(1, "serving_default", run(path, "serving_default", {"two rows": {"x": np.arange(18, dtype=np.float32).reshape(2, 3, 3)}, "no row": {"x": np.zeros((0, 3, 3), np.float32)}}))
    golden.write()


def multi_metagraph() -> None:
    """Two meta-graphs: {serve} doubles, {serve, gpu} triples; one set of variables."""
    path, builder = _builder("multi_metagraph", 1)
    for tags, factor in ((["serve"], 2.0), (["serve", "gpu"], 3.0)):
        with tf.Graph().as_default(), v1.Session() as session:
            w = v1.get_variable("w", initializer=10.0, use_resource=True)
            x = v1.placeholder(tf.float32, [None], name="x")
            y = tf.add(x * factor, w, name="y")
            session.run(v1.global_variables_initializer())
            sigs = {"serving_default": pm.build_signature_def({"x": _info(x)}, {"y": _info(y)}, pm.PREDICT_METHOD_NAME)}
            if tags == ["serve"]:
                builder.add_meta_graph_and_variables(session, tags, sigs)
            else:
                builder.add_meta_graph(tags, sigs)
    builder.save()
    golden = Golden("multi_metagraph")
    golden.add(1, "serving_default", run(path, "serving_default", {"two": {"x": np.array([1, 2], np.float32)}}))
    golden.write()


def _rows_of_table(shape, dtype, partition_info):
    """0, 1, 2 … in row-major order, for whichever rows this partition holds."""
    first = partition_info.var_offset[0] * shape[1]
    return tf.reshape(tf.range(first, first + shape[0] * shape[1], dtype=dtype), shape)


def sharded() -> None:
    """A variable saved in slices, a string variable, and data in two shards."""
    path, builder = _builder("sharded", 1)
    with tf.Graph().as_default(), v1.Session(config=v1.ConfigProto(device_count={"CPU": 2})) as session:
        with tf.device("/cpu:0"):
            table = v1.get_variable("table", [5, 4], initializer=_rows_of_table, partitioner=v1.fixed_size_partitioner(2), use_resource=False)
        with tf.device("/cpu:1"):
            bias = v1.get_variable("bias", initializer=np.array([1, 2, 3, 4], np.float32), use_resource=False)
            labels = v1.get_variable("labels", initializer=tf.constant(["zero", "one", "", "three", "four \u00fc"]), use_resource=False)
        row = v1.placeholder(tf.int64, [None], name="row")
        whole = tf.convert_to_tensor(table)
        y = tf.add(tf.gather(whole, row), bias, name="y")
        label = tf.gather(labels, row, name="label")
        session.run(v1.global_variables_initializer())
        saver = v1.train.Saver(sharded=True)
        builder.add_meta_graph_and_variables(
            session, ["serve"],
            {"serving_default": pm.build_signature_def({"row": _info(row)}, {"y": _info(y), "label": _info(label)}, pm.PREDICT_METHOD_NAME)},
            saver=saver, clear_devices=True,
        )
    builder.save()
    golden = Golden("sharded")
    golden.add(1, "serving_default", run(path, "serving_default", {"rows 4 0 2": {"row": np.array([4, 0, 2], np.int64)}, "row 5 is not there": {"row": np.array([5], np.int64)}, "no row": {"row": np.zeros(0, np.int64)}}))
    golden.write()


def loops_v1() -> None:
    """Control flow of TensorFlow 1: loops in loops, branches in them, what is dead, invariants, TensorArrays; and a loop as long as it is told to be."""
    path, builder = _builder("loops_v1", 1)
    v1.disable_control_flow_v2()
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 3], name="x")
        limit = v1.placeholder_with_default(np.int32(4), [], name="limit")
        scale = v1.get_variable("scale", initializer=np.float32(0.5), use_resource=False)

        def outer(i, acc, out):
            def inner(j, a):
                return j + 1, v1.cond(tf.equal(j % 2, 0), lambda: a * scale + tf.cast(i, tf.float32), lambda: a - 0.5)

            _, acc = v1.while_loop(lambda j, _: j < i + 2, inner, [0, acc])
            return i + 1, acc, out.write(i, acc)

        rows = tf.TensorArray(tf.float32, size=0, dynamic_size=True, clear_after_read=False)
        _, nested, rows = v1.while_loop(lambda i, *_: i < 3, outer, [0, x, rows])
        taken = tf.reduce_sum(x) > 1
        branch = v1.cond(taken, lambda: v1.while_loop(lambda i, _: i < 3, lambda i, a: (i + 1, a * 2), [0, x])[1], lambda: tf.negative(x))
        count = v1.while_loop(lambda i: i < limit, lambda i: i + 1, [0], name="count")
        outputs = {"nested": nested, "rows": rows.stack(), "size": rows.size(), "branch": branch, "count": count}
        session.run(v1.global_variables_initializer())
        builder.add_meta_graph_and_variables(session, ["serve"], {
            "serving_default": pm.build_signature_def({"x": _info(x)}, {k: _info(v) for k, v in outputs.items()}, pm.PREDICT_METHOD_NAME),
            "count": pm.build_signature_def({"limit": _info(limit)}, {"count": _info(count)}, pm.PREDICT_METHOD_NAME),
        })
    v1.enable_control_flow_v2()
    builder.save()
    golden = Golden("loops_v1")
    golden.add(1, "serving_default", run(path, "serving_default", {
        "the one branch": {"x": np.arange(6, dtype=np.float32).reshape(2, 3) / 4}, "the other": {"x": np.array([[-1, 0.5, 0]], np.float32)}, "no row": {"x": np.zeros((0, 3), np.float32)},
    }))
    golden.add(1, "count", run(path, "count", {"seven": {"limit": np.int32(7)}, "none": {"limit": np.int32(-1)}, "no scalar": {"limit": np.array([1, 2], np.int32)}}))
    golden.write()
