"""Convolutions over volumes, in groups and backwards, and pooling of volumes."""
from rows import np, row

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
