"""What works over sequences: all recurrent layers, with masks and both ways; transformers that encode and decode."""

import zlib


def _rnn(layer, **options):
    return lambda keras: getattr(keras.layers, layer)(7, **options)


def _cells(keras):
    return keras.layers.RNN([keras.layers.LSTMCell(6), keras.layers.GRUCell(5), keras.layers.SimpleRNNCell(7)], return_sequences=True)


RECURRENT = {
    "SimpleRNN": _rnn("SimpleRNN"),
    "SimpleRNN_sequences": _rnn("SimpleRNN", return_sequences=True, go_backwards=True),
    "LSTM": _rnn("LSTM"),
    "LSTM_sequences": _rnn("LSTM", return_sequences=True),
    "LSTM_unrolled": _rnn("LSTM", unroll=True),
    "LSTM_hard": _rnn("LSTM", recurrent_activation="hard_sigmoid", use_bias=False),
    "GRU": _rnn("GRU"),
    "GRU_sequences": _rnn("GRU", return_sequences=True),
    "GRU_before": _rnn("GRU", reset_after=False),
    "GRU_backwards": _rnn("GRU", go_backwards=True, return_sequences=True),
    "RNN_cells": _cells,
    "Bidirectional_LSTM": lambda keras: keras.layers.Bidirectional(keras.layers.LSTM(7)),
    "Bidirectional_LSTM_sequences": lambda keras: keras.layers.Bidirectional(keras.layers.LSTM(7, return_sequences=True), merge_mode="sum"),
    "Bidirectional_GRU": lambda keras: keras.layers.Bidirectional(keras.layers.GRU(7, return_sequences=True), merge_mode="ave"),
    "Bidirectional_SimpleRNN": lambda keras: keras.layers.Bidirectional(keras.layers.SimpleRNN(7), merge_mode="mul"),
}
MASKED = ("SimpleRNN", "LSTM", "LSTM_sequences", "GRU", "GRU_sequences", "Bidirectional_LSTM", "Bidirectional_GRU")
QUICK = ("LSTM", "GRU_sequences", "Bidirectional_LSTM", "LSTM_masked", "transformer_encoder")


def members():
    for name, layer in RECURRENT.items():
        yield name, name in QUICK, lambda path, layer=layer, name=name: recurrent(path, name, layer, False)
    for name in MASKED:
        yield f"{name}_masked", f"{name}_masked" in QUICK, lambda path, name=name: recurrent(path, f"{name}_masked", RECURRENT[name], True)
    for name, make in (("LSTM_states", states), ("ConvLSTM1D", conv_lstm), ("ConvLSTM2D", conv_lstm), ("TimeDistributed", distributed)):
        yield name, False, lambda path, name=name, make=make: make(path, name)
    for name, make in (("transformer_encoder", encoder), ("transformer_decoder", decoder), ("transformer_both", both), ("group_query_attention", grouped), ("attention_layers", attention)):
        yield name, name in QUICK, lambda path, name=name, make=make: make(path, name)


def _publish(path, name: str, model, cases: dict, sample=None):
    from families import weights

    weights.redraw(model, zlib.crc32(name.encode()), sample)
    weights.export(model, path)
    aliases = weights.signature(path)
    return {"serving_default": {case: dict(zip(aliases, inputs, strict=True)) for case, inputs in cases.items()}}


def _floats(name: str, *shape):
    import numpy as np

    rng = np.random.default_rng(zlib.crc32(name.encode()) + 1)
    return rng.standard_normal(shape).astype(np.float32)


def recurrent(path, name, layer, masked: bool):
    import keras

    steps = 9
    x = keras.Input((steps, 5))
    y = keras.layers.Masking()(x) if masked else x
    model = keras.Model(x, keras.layers.Dense(3)(layer(keras)(y)))
    a = _floats(name, 4, steps, 5)
    if masked:
        a[0, 5:], a[1, 2:], a[2, :4] = 0, 0, 0
    return _publish(path, name, model, {"first": [a[:3]], "second": [a[3:]]})


def states(path, name):
    import keras

    x = keras.Input((9, 5))
    first, *state = keras.layers.LSTM(6, return_sequences=True, return_state=True)(x)
    second = keras.layers.LSTM(6)(first, initial_state=state)
    a = _floats(name, 4, 9, 5)
    return _publish(path, name, keras.Model(x, [keras.layers.Dense(3)(second), *state]), {"first": [a[:3]], "second": [a[3:]]})


def conv_lstm(path, name):
    import keras

    shape = (4, 7, 2) if name.endswith("1D") else (4, 6, 5, 2)
    x = keras.Input(shape)
    y = getattr(keras.layers, name)(3, 3, padding="same", return_sequences=True)(x)
    a = 3 * _floats(name, 3, *shape)
    return _publish(path, name, keras.Model(x, keras.layers.Dense(3)(y)), {"first": [a[:2]], "second": [a[2:]]})


def distributed(path, name):
    import keras

    x = keras.Input((6, 8, 8, 2))
    y = keras.layers.TimeDistributed(keras.layers.Conv2D(4, 3, activation="relu"))(x)
    y = keras.layers.TimeDistributed(keras.layers.GlobalMaxPooling2D())(y)
    a = _floats(name, 3, 6, 8, 8, 2)
    return _publish(path, name, keras.Model(x, keras.layers.Dense(3)(keras.layers.LSTM(5)(y))), {"first": [a[:2]], "second": [a[2:]]})


def _embedded(keras, tokens, size: int, width: int, steps: int):
    """Tokens and where they stand."""
    import numpy as np

    class Places(keras.layers.Layer):
        def build(self, shape):
            self.table = self.add_weight(shape=(steps, width), name="embedding")

        def call(self, x):
            return x + self.table[: keras.ops.shape(x)[1]]

    assert np
    return Places()(keras.layers.Embedding(size, width, mask_zero=True)(tokens))


def _block(keras, x, width: int, memory=None, causal=False):
    layers = keras.layers
    y = layers.LayerNormalization()(x)
    x = layers.Add()([x, layers.MultiHeadAttention(4, width // 4)(y, y, use_causal_mask=causal)])
    if memory is not None:
        x = layers.Add()([x, layers.MultiHeadAttention(4, width // 4)(layers.LayerNormalization()(x), memory)])
    y = layers.Dense(4 * width, activation="gelu")(layers.LayerNormalization()(x))
    return layers.Add()([x, layers.Dropout(0.1)(layers.Dense(width)(y))])


def _tokens(name, rows: int, steps: int, size: int):
    import numpy as np

    tokens = np.random.default_rng(zlib.crc32(name.encode()) + 2).integers(1, size, (rows, steps)).astype(np.int32)
    tokens[0, steps // 2 :] = 0
    return tokens


def encoder(path, name):
    import keras

    tokens = keras.Input((24,), dtype="int32")
    x = _embedded(keras, tokens, 50, 32, 24)
    for _ in range(2):
        x = _block(keras, x, 32)
    y = keras.layers.GlobalAveragePooling1D()(keras.layers.LayerNormalization()(x))
    t = _tokens(name, 3, 24, 50)
    return _publish(path, name, keras.Model(tokens, keras.layers.Dense(5)(y)), {"first": [t[:2]], "second": [t[2:]]})


def decoder(path, name):
    import keras

    tokens = keras.Input((24,), dtype="int32")
    x = _embedded(keras, tokens, 50, 32, 24)
    for _ in range(2):
        x = _block(keras, x, 32, causal=True)
    t = _tokens(name, 3, 24, 50)
    return _publish(path, name, keras.Model(tokens, keras.layers.Dense(50)(keras.layers.LayerNormalization()(x))), {"first": [t[:2]], "second": [t[2:]]})


def both(path, name):
    import keras

    source, target = keras.Input((16,), dtype="int32", name="a_source"), keras.Input((12,), dtype="int32", name="b_target")
    memory = _block(keras, _embedded(keras, source, 40, 32, 16), 32)
    x = _block(keras, _embedded(keras, target, 50, 32, 12), 32, memory=memory, causal=True)
    s, t = _tokens(name, 3, 16, 40), _tokens(name, 3, 12, 50)
    model = keras.Model([source, target], keras.layers.Dense(50)(keras.layers.RMSNormalization()(x)))
    return _publish(path, name, model, {"first": [s[:2], t[:2]], "second": [s[2:], t[2:]]})


def grouped(path, name):
    import keras

    x = keras.Input((10, 16))
    y = keras.layers.GroupQueryAttention(8, 4, 2)(x, x)
    a = _floats(name, 3, 10, 16)
    return _publish(path, name, keras.Model(x, keras.layers.Dense(3)(y)), {"first": [a[:2]], "second": [a[2:]]})


def attention(path, name):
    import keras

    x = keras.Input((10, 16))
    dot = keras.layers.Attention(use_scale=True)([x, x], use_causal_mask=True)
    sum_ = keras.layers.AdditiveAttention()([x, x])
    a = _floats(name, 3, 10, 16)
    return _publish(path, name, keras.Model(x, keras.layers.Dense(3)(keras.layers.Concatenate()([dot, sum_]))), {"first": [a[:2]], "second": [a[2:]]})
