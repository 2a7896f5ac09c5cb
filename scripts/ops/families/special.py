"""Rarer functions of numbers."""
from rows import np, row

rng = np.random.default_rng(27)
f = lambda *s: rng.standard_normal(s).astype(np.float32)
odd = np.array([0.0, -0.0, 1, -1, np.inf, -np.inf, np.nan], np.float32)
row("Asinh", [np.concatenate([f(9) * 5, odd])], tolerance=1e-6)
row("Acosh", [1 + np.abs(f(9)) * 4], tolerance=1e-6)
row("Atanh", [np.linspace(-0.95, 0.95, 9, dtype=np.float32)], tolerance=1e-6)
row("Lgamma", [np.concatenate([f(20) * 6, np.array([1, 2, 0.5, 30, 0, -3, np.inf], np.float32)])], tolerance=1e-5)
row("Digamma", [np.concatenate([np.abs(f(20)) * 6 + 0.1, np.array([-0.5, -2.3, 40], np.float32)])], tolerance=1e-4)
share = np.array([0.001, 0.02, 0.1, 0.4, 0.5, 0.7, 0.999, 0, 1], np.float32)
row("Ndtri", [share], tolerance=1e-5)
row("Erfinv", [share * 2 - 1], tolerance=1e-5)
for op in ("Xlogy", "Xlog1py", "Xdivy"):
    row(op, [np.array([[0], [2], [-1]], np.float32), np.array([0, 0.5, 3], np.float32)], tolerance=1e-6)
for t in (np.int32, np.int64, np.uint8, np.int8):
    for op in ("LeftShift", "RightShift"):
        row(op, [np.array([1, 100, 7], t), np.array([3, 1, 0], t)], label=np.dtype(t).name)
    row("Invert", [np.array([0, 5, 127], t)], label=np.dtype(t).name)
    row("PopulationCount", [np.array([0, 5, 127], t)], label=np.dtype(t).name)
for exclusive in (False, True):
    for reverse in (False, True):
        for op in ("Cumprod", "CumulativeLogsumexp"):
            row(op, [f(3, 4, 2), np.int32(1)], exclusive=exclusive, reverse=reverse, tolerance=1e-5, label=f"{exclusive} {reverse}")
row("Cumprod", [np.array([[1, 2, 3], [4, 5, 6]], np.int64), np.int32(-1)])
row("ClipByValue", [f(3, 4) * 3, np.float32(-1), np.float32(2)])
row("ClipByValue", [np.array([1, 5, 9], np.int32), np.array([2, 2, 2], np.int32), np.int32(6)])
row("L2Loss", [f(3, 4)], tolerance=1e-6)
row("LinSpace", [np.float32(1), np.float32(4), np.int32(7)], tolerance=1e-6)
row("LinSpace", [np.float32(1), np.float32(4), np.int32(1)])
row("LinSpace", [np.float32(1), np.float32(4), np.int32(0)], label="none")
row("DataFormatVecPermute", [np.array([1, 2, 3, 4], np.int32)], src_format="NHWC", dst_format="NCHW")
