"""models.py DIR: exports the models that native engines are measured with, each to DIR/NAME/1, with an input in DIR/NAME/input.npy. What is there stays."""
import os
import pathlib
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import keras
import numpy as np
from keras import layers

keras.utils.set_random_seed(7)
rng = np.random.default_rng(7)


def floats(*shape):
    return rng.normal(size=shape).astype("float32")


def tiny():
    """One product of one number."""
    return keras.Sequential([layers.Input((1,)), layers.Dense(1)]), floats(3, 1)


def mlp():
    model = keras.Sequential([layers.Input((64,)), layers.Dense(256, "relu"), layers.Dense(256, "relu"), layers.Dense(10, "softmax")])
    return model, floats(8, 64)


def cnn():
    model = keras.Sequential([
        layers.Input((28, 28, 1)), layers.Conv2D(32, 3, activation="relu"), layers.MaxPooling2D(), layers.BatchNormalization(),
        layers.Conv2D(64, 3, activation="relu"), layers.GlobalAveragePooling2D(), layers.Dense(10, "softmax"),
    ])
    return model, floats(4, 28, 28, 1)


def mobilenetv2():
    model = keras.applications.MobileNetV2(weights=None, input_shape=(224, 224, 3))
    for layer in model.layers:  # as if it had been trained: normalization that does something
        if isinstance(layer, layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            noise = [rng.normal(size=beta.shape), rng.normal(size=mean.shape), rng.normal(size=variance.shape)]
            layer.set_weights([gamma * 1.5, beta + 0.1 * noise[0], mean + 0.1 * noise[1], np.abs(1 + 0.2 * noise[2]) * 0.2])
    return model, floats(1, 224, 224, 3)


def transformer():
    """Two encoder layers of width 128 with four heads, over sequences of 64."""
    ids = layers.Input((64,), dtype="int32")
    x = layers.Embedding(2000, 128)(ids)
    for _ in range(2):
        x = layers.LayerNormalization()(x + layers.MultiHeadAttention(4, 32)(x, x))
        x = layers.LayerNormalization()(x + layers.Dense(128)(layers.Dense(512, "gelu")(x)))
    model = keras.Model(ids, layers.Dense(3, "softmax")(layers.GlobalAveragePooling1D()(x)))
    return model, rng.integers(0, 2000, size=(2, 64)).astype("int32")


def lstm():
    """Two layers of 64 over sequences of 20 words."""
    words = [layers.Input((20,), dtype="int32"), layers.Embedding(1000, 32), layers.LSTM(64, return_sequences=True), layers.LSTM(64), layers.Dense(5, "softmax")]
    return keras.Sequential(words), rng.integers(0, 1000, size=(4, 20)).astype("int32")


def bigru():
    """Both ways over sequences of 20 vectors."""
    return keras.Sequential([layers.Input((20, 16)), layers.Bidirectional(layers.GRU(32)), layers.Dense(3)]), floats(4, 20, 16)


def large():
    """105 MB of variables."""
    return keras.Sequential([layers.Input((5120,)), layers.Dense(5120)]), floats(1, 5120)


for make in (tiny, mlp, cnn, mobilenetv2, transformer, lstm, bigru, large):
    target = pathlib.Path(sys.argv[1]) / make.__name__
    if (target / "input.npy").exists():
        continue
    model, example = make()
    model.export(target / "1", verbose=False)
    np.save(target / "input.npy", example)
