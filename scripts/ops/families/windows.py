"""Convolutions over volumes, in groups and backwards, and pooling of volumes."""
from rows import ml_dtypes, np, row, tf

rng = np.random.default_rng(23)
f = lambda *s: rng.standard_normal(s).astype(np.float32)
i32 = lambda *v: np.array(v, np.int32)
for padding in ("SAME", "VALID"):
    for stride in (1, 2):
        row("Conv3D", [f(2, 5, 6, 4, 3), f(3, 2, 3, 3, 4)], strides=[1, stride, stride, stride, 1], padding=padding, tolerance=1e-5, label=f"{padding} {stride}")
        row("Conv2D", [f(2, 7, 6, 6), f(3, 2, 2, 9)], strides=[1, stride, stride, 1], padding=padding, tolerance=1e-5, label=f"three groups {padding} {stride}")
        row("MaxPool3D", [f(2, 5, 6, 4, 3)], ksize=[1, 3, 2, 2, 1], strides=[1, stride, stride, stride, 1], padding=padding, label=f"{padding} {stride}")
        row("AvgPool3D", [f(2, 5, 6, 4, 3)], ksize=[1, 3, 2, 2, 1], strides=[1, stride, stride, stride, 1], padding=padding, tolerance=1e-5, label=f"{padding} {stride}")
        out = lambda n, k: -(-n // stride) if padding == "SAME" else (n - k) // stride + 1
        row("Conv2DBackpropInput", [i32(2, 7, 6, 3), f(3, 2, 3, 4), f(2, out(7, 3), out(6, 2), 4)], strides=[1, stride, stride, 1], padding=padding, tolerance=1e-5, label=f"{padding} {stride}")
        row("Conv3DBackpropInputV2", [i32(2, 5, 6, 4, 3), f(3, 2, 3, 3, 4), f(2, out(5, 3), out(6, 2), out(4, 3), 4)], strides=[1, stride, stride, stride, 1], padding=padding, tolerance=1e-5, label=f"{padding} {stride}")
row("Conv2D", [f(1, 7, 7, 4), f(3, 3, 2, 4)], strides=[1, 2, 1, 1], padding="EXPLICIT", explicit_paddings=[0, 0, 1, 2, 0, 1, 0, 0], tolerance=1e-5, label="two groups explicit")
row("Conv2D", [f(1, 7, 7, 5), f(3, 3, 2, 4)], strides=[1, 1, 1, 1], padding="VALID", label="channels that do not fit")

# 16-bit floats: sums are of 32 bits, and rounded once.
for t, tolerance in ((np.float16, 1e-3), (ml_dtypes.bfloat16, 8e-3)):
    name, h = np.dtype(t).name, lambda *s: f(*s).astype(t)
    for padding, stride in (("SAME", 1), ("VALID", 2)):
        moves = dict(strides=[1, stride, stride, 1], padding=padding, tolerance=tolerance, label=f"{name} {padding} {stride}")
        row("Conv2D", [h(2, 7, 6, 3), h(3, 3, 3, 4)], **moves)
        row("DepthwiseConv2dNative", [h(2, 7, 6, 3), h(3, 3, 3, 2)], **moves)
        row("MaxPool", [tf.constant(h(2, 7, 6, 3))], ksize=[1, 3, 2, 1], **moves)
        row("AvgPool", [h(2, 7, 6, 3)], ksize=[1, 3, 2, 1], **moves)
        places = (7, 6) if padding == "SAME" else (3, 3)
        row("Conv2DBackpropInput", [i32(2, 7, 6, 3), h(3, 2, 3, 4), h(2, *places, 4)], **moves)
    volume = dict(strides=[1, 1, 1, 1, 1], padding="SAME", tolerance=tolerance, label=name)
    row("Conv3D", [h(2, 4, 5, 3, 3), h(2, 3, 2, 3, 4)], **volume)
    row("Conv3DBackpropInputV2", [i32(2, 4, 5, 3, 3), h(2, 3, 2, 3, 4), h(2, 4, 5, 3, 4)], **volume)
    row("Conv2D", [h(1, 9, 9, 2), h(3, 3, 2, 2)], strides=[1, 1, 1, 1], padding="SAME", dilations=[1, 2, 2, 1], tolerance=tolerance, label=f"{name} dilated")
    row("Conv2D", [h(2, 7, 6, 6), h(3, 2, 2, 9)], strides=[1, 1, 1, 1], padding="VALID", tolerance=tolerance, label=f"{name} three groups")
    row("Conv2D", [h(1, 7, 7, 4), h(3, 3, 4, 4)], strides=[1, 2, 1, 1], padding="EXPLICIT", explicit_paddings=[0, 0, 1, 2, 0, 1, 0, 0], tolerance=tolerance, label=f"{name} explicit")
    row("Conv2D", [h(1, 12, 12, 96), h(3, 3, 96, 8)], strides=[1, 1, 1, 1], padding="SAME", tolerance=tolerance, label=f"{name} deep")
    row("Conv2D", [h(0, 5, 5, 2), h(3, 3, 2, 2)], strides=[1, 1, 1, 1], padding="SAME", tolerance=tolerance, label=f"{name} no image")
    row("Conv2D", [h(1, 5, 5, 2) * t(1e4), h(3, 3, 2, 2)], strides=[1, 1, 1, 1], padding="SAME", tolerance=tolerance, label=f"{name} beyond the largest")
    row("FusedBatchNormV3", [h(2, 3, 3, 4), *(np.abs(f(4)) for _ in range(4))], is_training=False, epsilon=1e-3, tolerance=tolerance, label=name)
for shape, filter, label in (
    ((1, 5, 5, 0), (3, 3, 0, 2), "no channels"), ((1, 5, 5, 2), (3, 3, 2, 0), "no filters"), ((1, 5, 5, 2), (0, 3, 2, 2), "an empty window"), ((0, 5, 5, 0), (3, 3, 0, 2), "nothing at all"),
):
    row("Conv2D", [f(*shape), f(*filter)], strides=[1, 1, 1, 1], padding="SAME", label=label)
for op in ("MaxPool3D", "AvgPool3D"):
    row(op, [f(2, 4, 5, 3, 3).astype(ml_dtypes.bfloat16)], ksize=[1, 2, 2, 1, 1], strides=[1, 1, 2, 1, 1], padding="SAME", tolerance=8e-3, label="bfloat16")
