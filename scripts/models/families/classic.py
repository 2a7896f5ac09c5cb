"""TensorFlow 1's own forms: loops and branches of switches and merges, TensorArrays, RNNs of static graphs, partitioned variables, random ops with seeds."""

import shutil

QUICK = ("loops_v1", "dynamic_rnn")


def members():
    for name, make in MEMBERS.items():
        yield name, name in QUICK, make


def _save(path, build, batch):
    """build gives outputs by alias from the placeholder x; batch gives two inputs."""
    import numpy as np
    import tensorflow as tf

    v1 = tf.compat.v1
    pm = v1.saved_model
    shutil.rmtree(path, ignore_errors=True)
    v1.disable_control_flow_v2()
    v1.disable_resource_variables()
    try:
        with tf.Graph().as_default(), v1.Session() as session:
            first, second = batch(np)
            x = v1.placeholder(first.dtype, [None, *first.shape[1:]], name="x")
            outputs = build(v1, tf, np, x)
            info = pm.utils.build_tensor_info
            signature = pm.signature_def_utils.build_signature_def({"x": info(x)}, {k: info(v) for k, v in outputs.items()}, pm.signature_constants.PREDICT_METHOD_NAME)
            session.run([v1.global_variables_initializer(), v1.tables_initializer()])
            builder = pm.builder.SavedModelBuilder(str(path))
            builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map={"serving_default": signature}, main_op=v1.tables_initializer())
            builder.save()
    finally:
        v1.enable_control_flow_v2()
        v1.enable_resource_variables()
    return {"serving_default": {"first": {"x": first}, "second": {"x": second}}}


def _rows(n: int, *shape):
    def batch(np):
        rng = np.random.default_rng(n)
        return rng.standard_normal((n, *shape)).astype(np.float32), rng.standard_normal((n - 1, *shape)).astype(np.float32)

    return batch


def loops(path):
    """A loop in a loop with a branch inside, invariants from outside, and a loop on a branch that is not taken."""

    def build(v1, tf, np, x):
        scale = v1.get_variable("scale", initializer=np.float32(0.9))

        def outer(i, acc):
            def inner(j, a):
                return j + 1, v1.cond(tf.equal(j % 2, 0), lambda: a * scale + tf.cast(i, tf.float32), lambda: a - 0.5)

            _, acc = v1.while_loop(lambda j, _: j < i + 2, inner, [0, acc])
            return i + 1, acc

        _, y = v1.while_loop(lambda i, _: i < 4, outer, [0, x])
        untaken = v1.cond(tf.reduce_sum(x) > 1e9, lambda: v1.while_loop(lambda i, _: i < 3, lambda i, a: (i + 1, a * 2), [0, x])[1], lambda: tf.tanh(x))
        rounds, _ = v1.while_loop(lambda i, a: tf.reduce_max(tf.abs(a)) > 0.1, lambda i, a: (i + 1, a / 2), [0, x])
        return {"y": y, "untaken": untaken, "rounds": rounds}

    return _save(path, build, _rows(4, 3))


def case(path):
    def build(v1, tf, np, x):
        total = tf.reduce_sum(x)
        y = v1.case([(total > 2, lambda: x * 2), (total > 0, lambda: tf.concat([x, x], 0)), (total > -2, lambda: x[:1])], default=lambda: -x, exclusive=False)
        return {"y": y}

    return _save(path, build, _rows(5, 3))


def arrays(path):
    """TensorArrays: written, read, gathered, scattered, split and joined; map and scan."""

    def build(v1, tf, np, x):
        n = tf.shape(x)[0]
        array = tf.TensorArray(tf.float32, size=n, clear_after_read=False).unstack(x)
        _, out = v1.while_loop(lambda i, _: i < n, lambda i, a: (i + 1, a.write(i, array.read(n - 1 - i) * tf.cast(i + 1, tf.float32))), [0, tf.TensorArray(tf.float32, size=0, dynamic_size=True, clear_after_read=False)])
        pieces = tf.TensorArray(tf.float32, size=2, infer_shape=False).split(x, tf.stack([1, n - 1]))
        return {
            "reversed": out.stack(), "some": out.gather([0, 1]), "joined": pieces.concat(), "size": out.size(),
            "mapped": tf.map_fn(lambda row: tf.reverse(row, [0]) * 2, x), "scanned": v1.scan(lambda a, row: 0.5 * a + row, x), "folded": v1.foldl(lambda a, row: a + row, x),
        }

    return _save(path, build, _rows(5, 3))


def dynamic_rnn(path):
    """What tf.nn.dynamic_rnn makes: a loop over TensorArrays with lengths."""

    def build(v1, tf, np, x):
        rng = np.random.default_rng(3)
        w = v1.get_variable("kernel", initializer=rng.normal(0, 0.4, (9, 24)).astype(np.float32))
        b = v1.get_variable("bias", initializer=rng.normal(0, 0.1, 24).astype(np.float32))
        batch, steps = tf.shape(x)[0], tf.shape(x)[1]
        lengths = tf.range(batch) + 2
        inputs = tf.TensorArray(tf.float32, size=steps).unstack(tf.transpose(x, [1, 0, 2]))

        def step(t, c, h, out):
            i, j, f, o = tf.split(tf.matmul(tf.concat([inputs.read(t), h], 1), w) + b, 4, 1)
            new_c = c * tf.sigmoid(f + 1) + tf.sigmoid(i) * tf.tanh(j)
            new_h = tf.tanh(new_c) * tf.sigmoid(o)
            done = t >= lengths
            keep = lambda old, new: v1.where(done, old, new)
            return t + 1, keep(c, new_c), keep(h, new_h), out.write(t, keep(tf.zeros_like(h), new_h))

        zeros = tf.zeros([batch, 6])
        _, c, h, out = v1.while_loop(lambda t, *_: t < steps, step, [0, zeros, zeros, tf.TensorArray(tf.float32, size=steps)])
        return {"outputs": tf.transpose(out.stack(), [1, 0, 2]), "c": c, "h": h}

    return _save(path, build, _rows(4, 8, 3))


def partitioned(path):
    def build(v1, tf, np, x):
        with v1.variable_scope("p", partitioner=v1.fixed_size_partitioner(3)):
            table = v1.get_variable("table", [11, 4], initializer=v1.random_normal_initializer(seed=4))
        ids = tf.cast(tf.abs(x) * 3, tf.int64) % 11
        return {"y": v1.nn.embedding_lookup(list(table), ids, partition_strategy="div"), "ids": ids}

    return _save(path, build, _rows(6))


def seeded(path):
    """Random ops with seeds: each run goes on in the stream where the last one ended; a fresh load begins anew."""

    def build(v1, tf, np, x):
        n = tf.shape(x)[0]
        stateless = tf.random.stateless_normal([n, 3], [5, 7]) + tf.random.stateless_uniform([n, 3], [1, 2], -1, 1)
        return {
            "uniform": v1.random_uniform([n, 3], -2, 2, seed=1), "normal": v1.random_normal([n, 5], seed=2), "truncated": v1.truncated_normal([n, 4], seed=3),
            "whole": v1.random_uniform([n, 4], 0, 1000, tf.int32, seed=4), "stateless": stateless, "doubled": x * 2,
        }

    return _save(path, build, _rows(7, 3))


def pictures(path):
    """Serialized pictures, decoded, cropped and resized, as TensorFlow 1 exporters did it."""

    def build(v1, tf, np, x):
        def one(row):
            image = tf.io.decode_image(row, channels=3, expand_animations=False)
            image = tf.image.convert_image_dtype(image, tf.float32)
            image = tf.image.central_crop(image, 0.8)
            return v1.image.resize_bilinear(tf.expand_dims(image, 0), [9, 9], align_corners=False)[0]

        return {"images": (v1.map_fn(one, x, dtype=tf.float32) - 0.5) * 2}

    def batch(np):
        import tensorflow as tf

        rng = np.random.default_rng(2)
        draw = lambda: rng.integers(0, 256, (14, 12, 3)).astype(np.uint8)
        def png():
            with tf.Graph().as_default(), tf.compat.v1.Session() as session:
                return session.run(tf.io.encode_png(draw()))

        return np.array([png(), png()], object), np.array([png()], object)

    return _save(path, build, batch)


MEMBERS = {
    "loops_v1": loops, "case_v1": case, "tensor_arrays": arrays, "dynamic_rnn": dynamic_rnn, "partitioned": partitioned, "seeded": seeded, "pictures": pictures,
}
