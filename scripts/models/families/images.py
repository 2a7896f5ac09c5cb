"""keras.applications: every architecture, small images, 100 classes."""

import zlib

SIDE = 96
QUICK = ("MobileNet", "MobileNetV2", "MobileNetV3Small", "EfficientNetB0", "EfficientNetV2B0", "ResNet50V2", "DenseNet121", "ConvNeXtTiny")
NAMES = (
    "MobileNet MobileNetV2 MobileNetV3Small MobileNetV3Large EfficientNetB0 EfficientNetV2B0 ResNet50 ResNet50V2 DenseNet121 NASNetMobile InceptionV3 Xception VGG16 "
    "ConvNeXtTiny EfficientNetB1 EfficientNetB2 EfficientNetB3 EfficientNetV2B1 EfficientNetV2B2 EfficientNetV2B3 EfficientNetV2S DenseNet169 DenseNet201 VGG19 "
    "InceptionResNetV2 ResNet101 ResNet101V2 ResNet152 ResNet152V2 ConvNeXtSmall EfficientNetB4 EfficientNetB5 EfficientNetB6 EfficientNetB7 EfficientNetV2M "
    "EfficientNetV2L NASNetLarge ConvNeXtBase ConvNeXtLarge ConvNeXtXLarge"
).split()


# What ends the branches of these is drawn smaller, as training leaves it: else each of some fifty blocks makes rounding errors larger, and TensorFlow itself is 4e-4 from what
# it gives in double.
CALM = {"ResNet152": "_3_bn/gamma"}


def members():
    for name in NAMES:
        yield name, name in QUICK, lambda path, name=name: application(path, name)


def application(path, name: str):
    import keras
    import numpy as np

    from families import weights

    keras.utils.clear_session()
    seed = zlib.crc32(name.encode())
    rng = np.random.default_rng(seed)
    model = getattr(keras.applications, name)(weights=None, classes=100, classifier_activation=None, input_shape=(SIDE, SIDE, 3))
    # Those that scale their input themselves take pixels.
    pixels = any(isinstance(layer, (keras.layers.Rescaling, keras.layers.Normalization)) for layer in model.layers)
    image = lambda n: (rng.uniform(0, 255, (n, SIDE, SIDE, 3)) if pixels else rng.uniform(-1, 1, (n, SIDE, SIDE, 3))).astype(np.float32)
    sample = image(6) * rng.uniform(0.2, 1, (6, 1, 1, 3)).astype(np.float32)
    weights.redraw(model, seed, sample, CALM.get(name))
    weights.rescale(model, sample)
    weights.export(model, path)
    (alias,) = weights.signature(path)
    return {"serving_default": {"first": {alias: sample[:1]}, "second": {alias: sample[1:2]}}}
