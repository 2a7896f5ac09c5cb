"""Text and categories: TextVectorization in each of its outputs, look-ups, hashing, as Keras exports them."""

import zlib

LINES = ["The quick brown fox, jumps over the lazy dog!", "a quick answer", "Dogs and foxes: over and over & over", "", "UNKNOWN words  only here…", "the the the the fox"]
WORDS = "the quick brown fox jumps over lazy dog a answer and".split()
QUICK = ("text_int", "text_classifier")


def members():
    for name, make in MEMBERS.items():
        yield name, name in QUICK, lambda path, name=name, make=make: make(path, name)


def _publish(path, name, model, cases):
    from families import weights

    weights.redraw(model, zlib.crc32(name.encode()))
    weights.export(model, path)
    aliases = weights.signature(path)
    return {"serving_default": {case: dict(zip(aliases, inputs, strict=True)) for case, inputs in cases.items()}}


def _strings(lines):
    import numpy as np

    return np.array([line.encode() for line in lines], object)


def _vectorized(**options):
    def make(path, name):
        import keras

        layer = keras.layers.TextVectorization(max_tokens=30, **options)
        if options.get("output_mode") == "tf_idf":
            layer.adapt(LINES)
        else:
            layer.set_vocabulary(WORDS)
        x = keras.Input((), dtype="string")
        return _publish(path, name, keras.Model(x, layer(x)), {"first": [_strings(LINES[:4])], "second": [_strings(LINES[4:])]})

    return make


def classifier(path, name):
    import keras

    layer = keras.layers.TextVectorization(max_tokens=30, output_sequence_length=10)
    layer.set_vocabulary(WORDS)
    x = keras.Input((1,), dtype="string")
    y = keras.layers.Embedding(30, 16, mask_zero=True)(layer(x))
    y = keras.layers.Bidirectional(keras.layers.LSTM(8))(y)
    texts = _strings(LINES).reshape(-1, 1)
    return _publish(path, name, keras.Model(x, keras.layers.Dense(4)(y)), {"first": [texts[:4]], "second": [texts[4:]]})


def convolved(path, name):
    import keras

    layer = keras.layers.TextVectorization(max_tokens=30, ngrams=2, output_sequence_length=12)
    layer.adapt(LINES)
    x = keras.Input((1,), dtype="string")
    y = keras.layers.Conv1D(16, 3, activation="relu")(keras.layers.Embedding(30, 16)(layer(x)))
    texts = _strings(LINES).reshape(-1, 1)
    return _publish(path, name, keras.Model(x, keras.layers.Dense(4)(keras.layers.GlobalMaxPooling1D()(y))), {"first": [texts[:4]], "second": [texts[4:]]})


def _category(dtype, values, layer):
    def make(path, name):
        import keras
        import numpy as np

        x = keras.Input((3,), dtype=dtype)
        a = _strings(values) if dtype == "string" else np.array(values, dtype)
        a = a.reshape(-1, 3)
        return _publish(path, name, keras.Model(x, layer(keras)(x)), {"first": [a[:2]], "second": [a[2:]]})

    return make


COLORS = "red green blue red red mauve green green red blue teal blue".split()
NUMBERS = [3, 7, 1, 3, 3, 90, 7, -4, 1, 2, 2, 7]
MEMBERS = {
    "text_int": _vectorized(output_sequence_length=8),
    "text_ragged_length": _vectorized(),
    "text_multi_hot": _vectorized(output_mode="multi_hot"),
    "text_count": _vectorized(output_mode="count"),
    "text_tf_idf": _vectorized(output_mode="tf_idf"),
    "text_characters": _vectorized(split="character", output_sequence_length=12),
    "text_upper": _vectorized(standardize="strip_punctuation", split="whitespace", output_sequence_length=8),
    "text_classifier": classifier,
    "text_convolved": convolved,
    "StringLookup": _category("string", COLORS, lambda keras: keras.layers.StringLookup(vocabulary=["red", "green", "blue"], num_oov_indices=2)),
    "StringLookup_one_hot": _category("string", COLORS, lambda keras: keras.layers.StringLookup(vocabulary=["red", "green", "blue"], output_mode="multi_hot")),
    "IntegerLookup": _category("int64", NUMBERS, lambda keras: keras.layers.IntegerLookup(vocabulary=[1, 2, 3, 7])),
    "IntegerLookup_count": _category("int64", NUMBERS, lambda keras: keras.layers.IntegerLookup(vocabulary=[1, 2, 3, 7], output_mode="count", num_oov_indices=2)),
    "Hashing": _category("string", COLORS, lambda keras: keras.layers.Hashing(11)),
    "Hashing_salt": _category("string", COLORS, lambda keras: keras.layers.Hashing(11, salt=[133, 137])),
    "Discretization": _category("float32", [n / 3 for n in NUMBERS], lambda keras: keras.layers.Discretization(bin_boundaries=[0.0, 0.5, 1.0, 2.0])),
    "CategoryEncoding": _category("int32", [abs(n) % 8 for n in NUMBERS], lambda keras: keras.layers.CategoryEncoding(8, output_mode="count")),
}
