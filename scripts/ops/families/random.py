"""Random ops: with the same seeds the same bits."""
from rows import ml_dtypes, np, row, tf

shapes = [np.array(s, np.int32) for s in ([5], [2, 3], [0], [301])]
seed = 1
for shape in shapes:
    for dtype, tolerance in ((tf.float32, 0), (tf.float16, 0), (tf.bfloat16, 0), (tf.float64, 1e-14)):
        for op in ("RandomUniform", "RandomStandardNormal", "TruncatedNormal"):
            seed += 2  # eager TensorFlow keeps a kernel for the same attributes, and its stream goes on
            row(op, [shape], dtype=dtype, seed=seed, seed2=seed * 7, tolerance=tolerance, label=f"{shape.tolist()} {dtype.name}")
        for op in ("StatelessRandomUniform", "StatelessRandomNormal", "StatelessTruncatedNormal"):
            row(op, [shape, np.array([seed, 2**40 + seed], np.int64)], dtype=dtype, tolerance=tolerance, label=f"{shape.tolist()} {dtype.name}")
    for t in (np.int32, np.int64):
        seed += 2
        row("RandomUniformInt", [shape, t(-3), t(1000)], seed=seed, seed2=5, label=f"{shape.tolist()} {np.dtype(t).name}")
        row("StatelessRandomUniformInt", [shape, np.array([seed, 3], np.int32), t(-3), t(2**30)], label=f"{shape.tolist()} {np.dtype(t).name}")
for dtype in (tf.int32, tf.uint32, tf.int64, tf.uint64):
    row("StatelessRandomUniformFullInt", [shapes[1], np.array([3, 4], np.int64)], dtype=dtype, label=dtype.name)
for a, b in ((1, 2), (-1, 2**62), (0, 0)):
    row("StatelessRandomGetKeyCounter", [np.array([a, b], np.int64)], label=f"{a} {b}")
row("StatelessRandomGetKeyCounter", [np.array([7, -8], np.int32)])
row("StatelessRandomGetAlg", [])
key, counter, alg = np.array([0x123456789ABCDEF], np.uint64), np.array([2**64 - 1, 5], np.uint64), np.int32(1)
for shape in shapes:
    for op, tolerance in (("StatelessRandomUniformV2", 0), ("StatelessRandomNormalV2", 0), ("StatelessTruncatedNormalV2", 0)):
        row(op, [shape, key, counter, alg], dtype=tf.float32, tolerance=tolerance)
    row("StatelessRandomUniformIntV2", [shape, key, counter, alg, np.int32(-5), np.int32(90)])
row("StatelessRandomUniformFullIntV2", [shapes[1], key, counter, alg], dtype=tf.int64)
row("RandomShuffle", [np.arange(10, dtype=np.int32)], seed=91, seed2=1)
row("RandomShuffle", [np.arange(12, dtype=np.float32).reshape(6, 2)], seed=92, seed2=1)
row("RandomShuffle", [np.zeros((0, 2), np.float32)], seed=93, seed2=1)
logits = np.array([[0.1, 2.0, -1.0, 0.5], [3.0, 0.0, 0.0, -np.inf]], np.float32)
row("Multinomial", [logits, np.int32(9)], seed=94, seed2=1)
row("Multinomial", [logits[:1], np.int32(0)], seed=95, seed2=1)
row("StatelessMultinomial", [logits, np.int32(6), np.array([5, 6], np.int64)], output_dtype=tf.int32)
row("RandomUniformInt", [shapes[0], np.int32(3), np.int32(3)], seed=96, seed2=1, label="nothing between the bounds")
row("StatelessRandomUniform", [shapes[0], np.array([1, 2, 3], np.int64)], label="a seed of three")
row("RandomUniform", [np.array([-1], np.int32)], dtype=tf.float32, seed=97, seed2=1, label="a negative size")
assert ml_dtypes
