"""Rows put together by segment."""
from rows import ml_dtypes, np, row

rng = np.random.default_rng(24)
f = lambda *s: rng.standard_normal(s).astype(np.float32)
i32 = lambda *v: np.array(v, np.int32)
for name in ("Sum", "Mean", "Prod", "Min", "Max"):
    row(f"Segment{name}", [f(5, 2), i32(0, 0, 1, 3, 3)], tolerance=1e-6)
    row(f"Segment{name}", [(f(5) * 9).astype(np.int32), i32(0, 0, 1, 3, 3)], label="int32")
    row(f"Segment{name}", [(f(5) * 9).astype(np.int64), np.array([0, 0, 1, 3, 3], np.int64)], label="int64")
    row(f"Segment{name}", [f(0, 2), i32()], label="nothing")
    row(f"Segment{name}", [f(3), i32(0, 2, 1)], label="not sorted")
for name in ("Sum", "Prod", "Min", "Max"):
    for t in (np.float32, np.float64, np.int32, np.int64, np.uint8, np.float16):
        row(f"UnsortedSegment{name}", [np.abs(f(5, 2) * 3).astype(t), i32(2, 0, -1, 2, 0), np.int32(4)], tolerance=2e-3 if t == np.float16 else 1e-6, label=np.dtype(t).name)
    row(f"UnsortedSegment{name}", [f(2, 3, 2), np.array([[0, 1, 0], [2, 2, 2]], np.int32), np.int32(3)], tolerance=1e-6)
    row(f"UnsortedSegment{name}", [f(3), i32(0, 4, 1), np.int32(3)], label="out of range")
for name in ("Sum", "Mean", "SqrtN"):
    row(f"SparseSegment{name}", [f(5, 2), i32(0, 4, 1, 1), i32(0, 0, 2, 2)], tolerance=1e-6)
    row(f"SparseSegment{name}WithNumSegments", [f(5, 2), i32(0, 4, 1, 1), i32(0, 0, 2, 2), np.int32(5)], tolerance=1e-6)
    row(f"SparseSegment{name}", [f(5, 2), i32(0, 5), i32(0, 0)], label="out of range")
    row(f"SparseSegment{name}WithNumSegments", [f(5, 2), i32(0, 1), i32(0, 3), np.int32(3)], label="too few segments")
assert ml_dtypes
