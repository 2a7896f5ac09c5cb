"""Tables: wide & deep, and trees, with classify and regress signatures over tf.Examples, built of TensorFlow 1's ops (tf.estimator is gone)."""

import shutil

QUICK = ("wide_and_deep", "boosted_trees")


def members():
    for name, make in (("wide_and_deep", wide_and_deep), ("crossed", crossed), ("boosted_trees", boosted_trees), ("ragged_features", ragged), ("keras_features", keras_features)):
        yield name, name in QUICK, make


def _examples(rows):
    import numpy as np

    from golden import example

    return np.array([example(**{k: v for k, v in row.items() if v}) for row in rows], object)


ROWS = [
    {"age": [0.3], "pay": [1.5], "job": [b"cook"], "tags": [b"a", b"bb"], "ids": [3, 5, 2]},
    {"age": [-1.2], "pay": [0.25], "job": [b"poet"], "tags": [b"zz"], "ids": [1]},
    {"age": [0.9], "pay": [], "job": [b"nobody"], "tags": [], "ids": []},
    {"age": [2.0], "pay": [-0.5], "job": [b"baker"], "tags": [b"bb", b"bb", b"c"], "ids": [9, 0]},
]


def _save(path, build):
    """build gives (examples placeholder, scores, classes or None, extra outputs); saved as TensorFlow 1 exporters do."""
    import numpy as np
    import tensorflow as tf

    v1 = tf.compat.v1
    pm = v1.saved_model
    shutil.rmtree(path, ignore_errors=True)
    with tf.Graph().as_default(), v1.Session() as session:
        serialized = v1.placeholder(tf.string, [None], name="input_example_tensor")
        scores, classes, extra = build(v1, tf, np, serialized)
        info = pm.utils.build_tensor_info
        signatures = {
            "serving_default": pm.signature_def_utils.build_signature_def({"inputs": info(serialized)}, {"scores": info(scores), "classes": info(classes)}, pm.signature_constants.CLASSIFY_METHOD_NAME),
            "regression": pm.signature_def_utils.build_signature_def({"inputs": info(serialized)}, {"outputs": info(scores[:, 0])}, pm.signature_constants.REGRESS_METHOD_NAME),
            "predict": pm.signature_def_utils.build_signature_def({"examples": info(serialized)}, {k: info(v) for k, v in extra.items()}, pm.signature_constants.PREDICT_METHOD_NAME),
        }
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        builder = pm.builder.SavedModelBuilder(str(path))
        builder.add_meta_graph_and_variables(session, ["serve"], signature_def_map=signatures, main_op=v1.tables_initializer())
        builder.save()
    rows = _examples(ROWS)
    cases = lambda alias: {"first": {alias: rows[:2]}, "second": {alias: rows[2:]}}
    return {"serving_default": cases("inputs"), "regression": cases("inputs"), "predict": cases("examples")}


def _head(v1, tf, np, logits, labels):
    batch = tf.shape(logits)[0]
    classes = tf.tile(tf.expand_dims(tf.constant(labels), 0), [batch, 1])
    best = tf.argmax(logits, 1)
    names = v1.get_default_graph() and tf.gather(tf.constant(labels), best)
    return classes, {"logits": logits, "probabilities": 5 * tf.nn.softmax(logits), "class_ids": tf.expand_dims(best, 1), "classes": tf.expand_dims(names, 1)}


def wide_and_deep(path):
    def build(v1, tf, np, serialized):
        rng = np.random.default_rng(8)
        draw = lambda name, *shape: v1.get_variable(name, initializer=rng.normal(0, 0.7, shape).astype(np.float32), use_resource=False)
        features = v1.parse_example(serialized, {
            "age": v1.FixedLenFeature([1], tf.float32), "pay": v1.FixedLenFeature([1], tf.float32, default_value=[0.0]), "job": v1.FixedLenFeature([1], tf.string),
            "tags": v1.VarLenFeature(tf.string), "ids": v1.VarLenFeature(tf.int64),
        })
        jobs = tf.lookup.StaticVocabularyTable(tf.lookup.KeyValueTensorInitializer([b"cook", b"poet", b"baker"], tf.constant([0, 1, 2], tf.int64)), 2)
        job = jobs.lookup(features["job"])
        hashed = tf.SparseTensor(features["tags"].indices, tf.strings.to_hash_bucket_fast(features["tags"].values, 13), features["tags"].dense_shape)
        wide = v1.nn.embedding_lookup_sparse(draw("wide", 13, 3), hashed, None, combiner="sum")
        wide = tf.pad(wide, [[0, tf.shape(serialized)[0] - tf.shape(wide)[0]], [0, 0]])
        deep_ids = v1.nn.safe_embedding_lookup_sparse([draw("ids", 10, 4)], features["ids"], combiner="mean")
        deep_job = tf.reshape(tf.nn.embedding_lookup(draw("jobs", 5, 4), job), [-1, 4])
        deep = tf.concat([(features["age"] - 0.1) / 0.7, features["pay"], deep_ids, deep_job], 1)
        deep = tf.nn.relu(tf.matmul(deep, draw("w1", 10, 16)) + draw("b1", 16))
        logits = tf.matmul(deep, draw("w2", 16, 3)) + wide + draw("b", 3)
        classes, extra = _head(v1, tf, np, logits, [b"low", b"middle", b"high"])
        return logits, classes, extra

    return _save(path, build)


def crossed(path):
    """Buckets, crosses and weighted sums over sparse tensors."""

    def build(v1, tf, np, serialized):
        rng = np.random.default_rng(9)
        features = v1.parse_example(serialized, {"age": v1.FixedLenFeature([1], tf.float32), "job": v1.FixedLenFeature([1], tf.string), "tags": v1.VarLenFeature(tf.string)})
        bucket = v1.raw_ops.Bucketize(input=features["age"], boundaries=[-1.0, 0.0, 1.0])
        one_hot = tf.one_hot(tf.squeeze(bucket, 1), 4)
        keys = tf.strings.join([features["job"], tf.as_string(bucket)], separator="_X_")
        cross = tf.one_hot(tf.squeeze(tf.strings.to_hash_bucket_strong(keys, 17, [7, 9]), 1), 17)
        dense_tags = tf.sparse.to_dense(features["tags"], default_value=b"")
        lengths = tf.cast(tf.strings.length(dense_tags), tf.float32)
        used = tf.cast(tf.not_equal(dense_tags, b""), tf.float32)
        extra_column = tf.stack([tf.reduce_sum(lengths, 1), tf.reduce_sum(used, 1)], 1)
        w = v1.get_variable("w", initializer=rng.normal(0, 0.8, (23, 2)).astype(np.float32), use_resource=True)
        logits = tf.matmul(tf.concat([one_hot, cross, extra_column], 1), w) + rng.normal(0, 0.1, 2).astype(np.float32)
        classes, extra = _head(v1, tf, np, logits, [b"0", b"1"])
        return logits, classes, extra

    return _save(path, build)


def boosted_trees(path):
    """Trees as arrays that a while loop of TensorFlow 1 walks down: each row goes left or right until it comes to a leaf."""

    def build(v1, tf, np, serialized):
        rng = np.random.default_rng(10)
        trees, depth = 20, 4
        inner = 2**depth - 1
        features = v1.parse_example(serialized, {"age": v1.FixedLenFeature([1], tf.float32), "pay": v1.FixedLenFeature([1], tf.float32, default_value=[0.0])})
        x = tf.concat([features["age"], features["pay"]], 1)
        which = tf.constant(rng.integers(0, 2, (trees, inner)), tf.int32)
        below = tf.constant(rng.normal(0, 1, (trees, inner)).astype(np.float32))
        leaf = tf.constant(rng.normal(0, 0.3, (trees, 2**depth, 3)).astype(np.float32))
        v1.disable_control_flow_v2()

        def tree(t, total):
            def down(level, node):
                feature = tf.gather(tf.gather(which, t), node)
                value = tf.reduce_sum(x * tf.one_hot(feature, 2), 1)
                right = tf.cast(value > tf.gather(tf.gather(below, t), node), tf.int32)
                return level + 1, 2 * node + 1 + right

            _, node = v1.while_loop(lambda level, _: level < depth, down, [0, tf.zeros([tf.shape(x)[0]], tf.int32)], shape_invariants=[tf.TensorShape([]), tf.TensorShape([None])])
            return t + 1, total + tf.gather(tf.gather(leaf, t), node - inner)

        _, logits = v1.while_loop(lambda t, _: t < trees, tree, [0, tf.zeros([tf.shape(x)[0], 3])], shape_invariants=[tf.TensorShape([]), tf.TensorShape([None, 3])])
        logits = v1.cond(tf.size(x) > 0, lambda: logits, lambda: tf.zeros_like(logits))
        v1.enable_control_flow_v2()
        classes, extra = _head(v1, tf, np, logits, [b"a", b"b", b"c"])
        return logits, classes, extra

    return _save(path, build)


def ragged(path):
    """Ragged and variable-length features of ParseExampleV2."""

    def build(v1, tf, np, serialized):
        features = tf.io.parse_example(serialized, {
            "tags": tf.io.RaggedFeature(tf.string), "ids": tf.io.RaggedFeature(tf.int64), "age": tf.io.FixedLenSequenceFeature([], tf.float32, allow_missing=True, default_value=-1.0),
        })
        ids = tf.cast(features["ids"], tf.float32)
        table = tf.stack([tf.reduce_sum(ids, 1), tf.cast(ids.row_lengths(), tf.float32), tf.cast(features["tags"].row_lengths(), tf.float32), tf.reduce_sum(features["age"], 1)], 1)
        rng = np.random.default_rng(11)
        logits = tf.matmul(table, tf.constant(rng.normal(0, 0.5, (4, 3)).astype(np.float32)))
        classes, extra = _head(v1, tf, np, logits, [b"a", b"b", b"c"])
        return logits, classes, {**extra, "tags": features["tags"].to_tensor(b"none"), "ids": features["ids"].to_tensor(-1)}

    return _save(path, build)


def keras_features(path):
    """Keras' FeatureSpace: numbers, categories and a cross, with a small network behind."""
    import keras
    import numpy as np
    import tensorflow as tf

    from families import weights

    space = keras.utils.FeatureSpace(
        features={"age": keras.utils.FeatureSpace.float_normalized(), "pay": keras.utils.FeatureSpace.float_discretized(4), "job": keras.utils.FeatureSpace.string_categorical(num_oov_indices=1), "kind": keras.utils.FeatureSpace.integer_categorical()},
        crosses=[keras.utils.FeatureSpace.cross(("job", "kind"), crossing_dim=8)],
        output_mode="concat",
    )
    rng = np.random.default_rng(12)
    data = {"age": rng.normal(40, 9, 30).astype(np.float32), "pay": rng.normal(2, 1, 30).astype(np.float32), "job": rng.choice(["cook", "poet", "baker"], 30), "kind": rng.integers(1, 4, 30)}
    space.adapt(tf.data.Dataset.from_tensor_slices(data).batch(10))
    encoded = space.get_encoded_features()
    y = keras.layers.Dense(8, activation="relu")(encoded)
    model = keras.Model(inputs=space.get_inputs(), outputs=keras.layers.Dense(2)(y))
    weights.redraw(model, 12)
    weights.export(model, path)
    names = weights.signature(path)
    given = {"age": np.array([[31.0], [55.0], [40.0]], np.float32), "pay": np.array([[0.5], [2.2], [3.0]], np.float32), "job": np.array([[b"cook"], [b"baker"], [b"smith"]], object), "kind": np.array([[1], [3], [9]], np.int32)}
    cast = {alias: given[alias] for alias in names}
    return {"serving_default": {"first": {k: v[:2] for k, v in cast.items()}, "second": {k: v[2:] for k, v in cast.items()}}}
