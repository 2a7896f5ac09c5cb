"""Weights drawn at random, as if trained: nothing is 0 or 1, and numbers keep their size from layer to layer."""

import numpy as np


def redraw(model, seed: int, sample=None, calm: str | None = None) -> None:
    """Draws every float weight of a Keras model anew, a fifth as large where its path has `calm` in it. With a sample, batch normalization takes the moments that
    the sample has there, disturbed a little."""
    rng = np.random.default_rng(seed)
    for w in model.weights:
        if "float" not in str(w.dtype):
            continue
        w.assign((draw(rng, w.path, tuple(w.shape)) * (0.2 if calm is not None and calm in w.path else 1)).astype(np.float32))
    if sample is not None:
        settle(model, rng, sample)


def draw(rng, path: str, shape: tuple) -> np.ndarray:
    name = path.split("/")[-1]
    if name in ("gamma", "scale") or "variance" in name:
        return rng.uniform(0.5, 1.5, shape)
    if len(shape) < 2:
        return rng.normal(0, 0.1, shape)
    if "embedding" in name:
        return rng.normal(0, 1, shape)
    fan_in = shape[0] if any(f"/{part}/" in path for part in ("query", "key", "value")) else int(np.prod(shape[:-1]))
    return rng.normal(0, np.sqrt(1.6 / fan_in), shape)


def settle(model, rng, sample) -> None:
    import keras

    norms = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in norms]
    for layer in norms:
        layer.momentum = 0.0
    model(sample, training=True)
    for layer, momentum in zip(norms, momenta):
        layer.momentum = momentum
        mean, variance = np.array(layer.moving_mean), np.array(layer.moving_variance)
        layer.moving_mean.assign(mean + 0.1 * np.sqrt(variance) * rng.standard_normal(mean.shape))
        layer.moving_variance.assign((variance + 1e-3) * rng.uniform(0.8, 1.25, variance.shape))


def rescale(model, sample) -> None:
    """Brings the outputs to a spread of about 1 by the last layer that has a kernel. Where it hardly matters what the input was, as in the deepest ones, nine
    tenths of what all outputs have in common are taken away first."""
    last = [layer for layer in model._flatten_layers() if getattr(layer, "kernel", None) is not None][-1]
    outputs = np.array(model(sample, training=False))
    if np.max(np.abs(outputs[0] - outputs[1])) <= 0.01 * np.max(np.abs(outputs[0])):
        common = 0.9 * np.mean(outputs, axis=0)
        last.bias.assign(np.array(last.bias) - common)
        outputs = outputs - common
    for w in last.weights:
        w.assign(np.array(w) / max(float(np.std(outputs)), 1e-12))


def export(model, path) -> None:
    """What `model.export` writes is what people serve."""
    model.export(str(path), verbose=False)


def signature(path, name: str = "serving_default"):
    """The signature's inputs by alias, in the order of their names."""
    from tensorflow.python.saved_model import loader_impl

    meta = loader_impl.parse_saved_model(str(path)).meta_graphs[0]
    return sorted(meta.signature_def[name].inputs)
