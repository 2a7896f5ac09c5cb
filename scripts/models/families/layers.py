"""Keras' other layers, a small model each: convolutions of every rank, pooling, sampling, norms, what prepares images and sound."""

import zlib

IMAGE = (12, 11, 3)
LINE = (20, 4)
CUBE = (6, 5, 7, 2)


def _one(kind: str, shape, **options):
    return shape, lambda keras: getattr(keras.layers, kind)(**options)


LAYERS = {
    "Conv1D": _one("Conv1D", LINE, filters=5, kernel_size=3, dilation_rate=2, padding="causal"),
    "Conv3D": _one("Conv3D", CUBE, filters=4, kernel_size=3, padding="same"),
    "Conv3D_strides": _one("Conv3D", CUBE, filters=4, kernel_size=2, strides=2),
    "Conv2D_dilated": _one("Conv2D", IMAGE, filters=4, kernel_size=3, dilation_rate=2),
    "Conv2D_groups": _one("Conv2D", (12, 11, 4), filters=6, kernel_size=3, groups=2),
    "Conv1DTranspose": _one("Conv1DTranspose", LINE, filters=5, kernel_size=3, strides=2),
    "Conv2DTranspose": _one("Conv2DTranspose", IMAGE, filters=5, kernel_size=3, strides=2, padding="same"),
    "Conv2DTranspose_valid": _one("Conv2DTranspose", IMAGE, filters=5, kernel_size=4, strides=3),
    "Conv3DTranspose": _one("Conv3DTranspose", CUBE, filters=3, kernel_size=3, strides=2, padding="same"),
    "SeparableConv1D": _one("SeparableConv1D", LINE, filters=5, kernel_size=3, depth_multiplier=2),
    "SeparableConv2D": _one("SeparableConv2D", IMAGE, filters=5, kernel_size=3, strides=2),
    "DepthwiseConv1D": _one("DepthwiseConv1D", LINE, kernel_size=3),
    "DepthwiseConv2D_dilated": _one("DepthwiseConv2D", IMAGE, kernel_size=3, dilation_rate=2),
    "MaxPooling1D": _one("MaxPooling1D", LINE),
    "MaxPooling3D": _one("MaxPooling3D", CUBE, padding="same"),
    "AveragePooling1D": _one("AveragePooling1D", LINE, pool_size=2),
    "AveragePooling3D": _one("AveragePooling3D", CUBE, pool_size=2, padding="same"),
    "GlobalMaxPooling1D": _one("GlobalMaxPooling1D", LINE),
    "AdaptiveAveragePooling2D": _one("AdaptiveAveragePooling2D", IMAGE, output_size=(5, 4)),
    "AdaptiveMaxPooling2D": _one("AdaptiveMaxPooling2D", IMAGE, output_size=(5, 4)),
    "UpSampling1D": _one("UpSampling1D", LINE),
    "UpSampling2D_nearest": _one("UpSampling2D", IMAGE),
    "UpSampling2D_bilinear": _one("UpSampling2D", IMAGE, size=(2, 3), interpolation="bilinear"),
    "UpSampling2D_bicubic": _one("UpSampling2D", IMAGE, interpolation="bicubic"),
    "UpSampling2D_lanczos3": _one("UpSampling2D", IMAGE, interpolation="lanczos3"),
    "UpSampling3D": _one("UpSampling3D", CUBE),
    "Resizing_bilinear": _one("Resizing", IMAGE, height=17, width=7),
    "Resizing_nearest": _one("Resizing", IMAGE, height=17, width=7, interpolation="nearest"),
    "Resizing_bicubic": _one("Resizing", IMAGE, height=17, width=7, interpolation="bicubic"),
    "Resizing_area": _one("Resizing", IMAGE, height=5, width=7, interpolation="area"),
    "Resizing_cropped": _one("Resizing", IMAGE, height=6, width=8, crop_to_aspect_ratio=True),
    "CenterCrop": _one("CenterCrop", IMAGE, height=7, width=5),
    "ZeroPadding2D": _one("ZeroPadding2D", IMAGE, padding=((1, 2), (0, 3))),
    "Cropping2D": _one("Cropping2D", IMAGE, cropping=((1, 2), (0, 3))),
    "Rescaling": _one("Rescaling", IMAGE, scale=0.5, offset=-1),
    "BatchNormalization": _one("BatchNormalization", IMAGE),
    "LayerNormalization": _one("LayerNormalization", IMAGE, axis=[1, 2, 3]),
    "GroupNormalization": _one("GroupNormalization", (12, 11, 6), groups=3),
    "UnitNormalization": _one("UnitNormalization", LINE),
    "RMSNormalization": _one("RMSNormalization", LINE),
    "SpectralNormalization": (LINE, lambda keras: keras.layers.SpectralNormalization(keras.layers.Dense(5))),
    "PReLU": _one("PReLU", LINE),
    "ELU": _one("ELU", LINE),
    "LeakyReLU": _one("LeakyReLU", LINE),
    "EinsumDense": _one("EinsumDense", LINE, equation="abc,cde->abde", output_shape=(None, 3, 5), bias_axes="de"),
    "Permute": _one("Permute", IMAGE, dims=(3, 1, 2)),
    "STFTSpectrogram": _one("STFTSpectrogram", (400, 1), mode="log", frame_length=64, frame_step=32, fft_length=64),
    "MelSpectrogram": _one("MelSpectrogram", (800,), fft_length=128, sequence_stride=64, num_mel_bins=12, max_freq=7000),
    "Dropouts": (LINE, lambda keras: keras.Sequential([keras.layers.Dropout(0.5), keras.layers.GaussianNoise(0.5), keras.layers.GaussianDropout(0.5), keras.layers.AlphaDropout(0.5), keras.layers.SpatialDropout1D(0.5)])),
    "RandomImages": (IMAGE, lambda keras: keras.Sequential([keras.layers.RandomFlip(), keras.layers.RandomRotation(0.1), keras.layers.RandomZoom(0.1), keras.layers.RandomContrast(0.1), keras.layers.RandomTranslation(0.1, 0.1), keras.layers.RandomCrop(8, 8)])),
}
ACTIVATIONS = "celu elu exponential gelu glu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu linear log_sigmoid log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid sparsemax squareplus swish tanh tanh_shrink".split()


def members():
    for name, (shape, layer) in LAYERS.items():
        yield name, False, lambda path, name=name, shape=shape, layer=layer: layered(path, name, shape, layer)
    yield "merges", False, merges
    yield "activations", True, activations


def layered(path, name, shape, layer):
    import keras
    import numpy as np

    from families import weights

    seed = zlib.crc32(name.encode())
    rng = np.random.default_rng(seed)
    model = keras.Sequential([keras.Input(shape), layer(keras)])
    a = (1.5 * rng.standard_normal((3, *shape))).astype(np.float32)
    weights.redraw(model, seed, a if "BatchNorm" in name else None)
    weights.export(model, path)
    (alias,) = weights.signature(path)
    return {"serving_default": {"first": {alias: a[:2]}, "second": {alias: a[2:]}}}


def merges(path):
    import keras
    import numpy as np

    from families import weights

    rng = np.random.default_rng(4)
    x, y = keras.Input((6, 4), name="a"), keras.Input((6, 4), name="b")
    layers = keras.layers
    outs = [layers.Average()([x, y]), layers.Maximum()([x, y]), layers.Minimum()([x, y]), layers.Multiply()([x, y]), layers.Subtract()([x, y]), layers.Dot(2)([x, y]), layers.Dot(1, normalize=True)([x, y])]
    outs += [layers.RepeatVector(3)(layers.Flatten()(x)), layers.Reshape((3, -1))(y)]
    weights.export(keras.Model([x, y], outs), path)
    a, b = (rng.standard_normal((3, 6, 4)).astype(np.float32) for _ in range(2))
    return {"serving_default": {"first": {"a": a[:2], "b": b[:2]}, "second": {"a": a[2:], "b": b[2:]}}}


def activations(path):
    """All of Keras' activations side by side."""
    import keras
    import numpy as np

    from families import weights

    rng = np.random.default_rng(5)
    x = keras.Input((64,))
    outs = [keras.layers.Activation(name)(x) for name in ACTIVATIONS]
    weights.export(keras.Model(x, keras.layers.Concatenate()(outs)), path)
    (alias,) = weights.signature(path)
    a = (2 * rng.standard_normal((3, 64))).astype(np.float32)
    return {"serving_default": {"first": {alias: a[:2]}, "second": {alias: a[2:]}}}
