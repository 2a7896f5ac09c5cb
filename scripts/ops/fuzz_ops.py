"""What a random graph may go on with: each takes tensors that fit, and returns new ones and whether they are exact."""

import numpy as np

import patterns
from rows import tf

v1 = tf.compat.v1
raw = tf.raw_ops
FLOATS = [tf.float32, tf.float64]
WIDE = [tf.float32, tf.float64, tf.float16]
INTS = [tf.int32, tf.int64]
NUMBERS = FLOATS + INTS


class Unfit(Exception):
    """Nothing in the graph fits the op."""


def unary(f, dtypes=FLOATS, exact=False, needs_exact=False):
    def make(pool, rng, values):
        t = pool.pick(dtypes, exact=needs_exact)
        return f(t), exact and pool.is_exact(t)

    return make


def bounded(t):
    return tf.clip_by_value(t, tf.cast(-3, t.dtype), tf.cast(3, t.dtype))


def binary(f, dtypes=NUMBERS, exact=False, needs_exact=False):
    def make(pool, rng, values):
        a = pool.pick(dtypes, exact=needs_exact)
        b = pool.pick([a.dtype], exact=needs_exact)
        tf.broadcast_static_shape(a.shape, b.shape)
        return f(a, b), exact and pool.is_exact(a, b)

    return make


def axis_of(rng, t):
    if not t.shape.rank:
        raise Unfit
    return rng.randrange(-t.shape.rank, t.shape.rank)


def some_axes(rng, t):
    return sorted(rng.sample(range(t.shape.rank), rng.randint(0, t.shape.rank))) if t.shape.rank else []


def sized(t):
    """The static shape; raises Unfit where it is not known."""
    if not t.shape.is_fully_defined():
        raise Unfit
    return t.shape.as_list()


def reduce(f, dtypes, exact):
    def make(pool, rng, values):
        t = pool.pick(dtypes)
        return f(t, axis=some_axes(rng, t), keepdims=rng.random() < 0.5), exact and pool.is_exact(t)

    return make


def moved(f, dtypes=None, ranks=None):
    def make(pool, rng, values):
        t = pool.pick(dtypes, ranks)
        return f(t, rng), pool.is_exact(t)

    return make


def reshape(t, rng):
    n = int(np.prod(sized(t)))
    divisors = [d for d in range(1, n + 1) if n % d == 0] or [1]
    first = rng.choice(divisors)
    return tf.reshape(t, rng.choice([[first, -1], [-1, first], [-1], [1, first, n // first]]))


def transpose(t, rng):
    order = list(range(t.shape.rank))
    rng.shuffle(order)
    return tf.transpose(t, order)


def strided(t, rng):
    keys = []
    for n in sized(t):
        kind = rng.random()
        if kind < 0.2 and n > 0:
            keys.append(rng.randrange(-n, n))
        elif kind < 0.3:
            keys.append(tf.newaxis)
            keys.append(slice(None))
        else:
            step = rng.choice([1, 1, 2, -1, -2])
            keys.append(slice(rng.choice([None, rng.randint(-n - 1, n + 1)]), rng.choice([None, rng.randint(-n - 1, n + 1)]), step))
    if rng.random() < 0.2 and keys:
        keys[rng.randrange(len(keys)) :] = [Ellipsis]
    return t[tuple(keys)] if keys else tf.identity(t)


def pad(t, rng):
    paddings = [[rng.randint(0, 2), rng.randint(0, 2)] for _ in sized(t)]
    return tf.pad(t, paddings) if paddings else tf.identity(t)


def mirror(t, rng):
    sizes = sized(t)
    mode = rng.choice(["REFLECT", "SYMMETRIC"])
    most = [max(0, n - 1 if mode == "REFLECT" else n) for n in sizes]
    return tf.pad(t, [[rng.randint(0, m), rng.randint(0, m)] for m in most], mode)


def split(t, rng):
    axis = axis_of(rng, t)
    n = sized(t)[axis]
    if n < 1:
        raise Unfit
    cut = rng.randint(0, n)
    return tf.split(t, [cut, n - cut], axis)


def tile(t, rng):
    return tf.tile(t, [rng.randint(0, 2) if rng.random() < 0.1 else rng.randint(1, 2) for _ in sized(t)])


def concat(pool, rng, values):
    a = pool.pick()
    b = pool.pick([a.dtype], [a.shape.rank])
    return tf.concat([a, b, a], axis_of(rng, a)), pool.is_exact(a, b)


def stack(pool, rng, values):
    a = pool.pick()
    return tf.stack([a, a], rng.randint(0, a.shape.rank)), pool.is_exact(a)


def unstack(pool, rng, values):
    a = pool.pick(ranks=[1, 2, 3])
    axis = axis_of(rng, a)
    if not 0 < sized(a)[axis] < 6:
        raise Unfit
    return tf.unstack(a, axis=axis), pool.is_exact(a)


def gather(pool, rng, values):
    a = pool.pick(ranks=[1, 2, 3, 4])
    axis = axis_of(rng, a)
    n = sized(a)[axis]
    if rng.random() < 0.3:
        index = pool.pick(INTS)  # may be outside: then both fail
    else:
        index = tf.constant(values.integers(0, max(1, n), [rng.randint(0, 4) for _ in range(rng.randint(0, 2))]), rng.choice(INTS))
    return tf.gather(a, index, axis=axis), pool.is_exact(a)


def gather_nd(pool, rng, values):
    a = pool.pick(ranks=[1, 2, 3])
    depth = rng.randint(1, a.shape.rank)
    sizes = sized(a)[:depth]
    if 0 in sizes:
        raise Unfit
    return tf.gather_nd(a, np.stack([values.integers(0, n, 3) for n in sizes], -1).astype(np.int32)), pool.is_exact(a)


def scatter(pool, rng, values):
    a = pool.pick(NUMBERS, [1, 2, 3])
    rows, n = rng.randint(0, 3), sized(a)[0]
    if n == 0:
        raise Unfit
    index = values.integers(0, n, (rows, 1)).astype(np.int32)
    updates = tf.zeros([rows, *sized(a)[1:]], a.dtype) + tf.cast(2, a.dtype)
    op = rng.choice([tf.tensor_scatter_nd_add, tf.tensor_scatter_nd_sub, tf.tensor_scatter_nd_min, tf.tensor_scatter_nd_max, tf.tensor_scatter_nd_update])
    return op(a, index, updates), pool.is_exact(a) and not a.dtype.is_floating


def scatter_nd(pool, rng, values):
    a = pool.pick(NUMBERS, [1, 2])
    rows = sized(a)[0]
    return tf.scatter_nd(values.integers(0, 4, (rows, 1)).astype(np.int32), a, [4, *sized(a)[1:]]), False


def where(pool, rng, values):
    a = pool.pick(NUMBERS + [tf.string])
    c = pool.pick([tf.bool])
    tf.broadcast_static_shape(a.shape, c.shape)
    return tf.where(c, a, tf.reverse(a, [0]) if a.shape.rank else a), pool.is_exact(a)


def compare(pool, rng, values):
    a = pool.pick(NUMBERS, exact=True)
    b = pool.pick([a.dtype], exact=True)
    tf.broadcast_static_shape(a.shape, b.shape)
    return rng.choice([tf.less, tf.greater_equal, tf.equal, tf.not_equal, tf.greater, tf.less_equal])(a, b), True


def logical(pool, rng, values):
    a, b = pool.pick([tf.bool]), pool.pick([tf.bool])
    tf.broadcast_static_shape(a.shape, b.shape)
    return rng.choice([tf.logical_and, tf.logical_or, lambda x, y: tf.logical_not(x)])(a, b), True


def cast(pool, rng, values):
    a = pool.pick(NUMBERS + [tf.bool, tf.float16, tf.uint8], exact=True)
    to = rng.choice(NUMBERS + [tf.bool, tf.float16, tf.uint8, tf.int16])
    if to == tf.uint8 and a.dtype.is_floating:
        raise Unfit  # what is outside the range is the processor's own matter
    return tf.cast(a, to), not (a.dtype in FLOATS and to == tf.float16)


def one_hot(pool, rng, values):
    a = pool.pick(INTS)
    return tf.one_hot(a, rng.randint(0, 4), axis=rng.randint(-1, a.shape.rank), dtype=rng.choice([tf.float32, tf.int32])), True


def top(pool, rng, values):
    a = pool.pick(NUMBERS, [1, 2, 3], exact=True)
    n = sized(a)[-1]
    got = tf.math.top_k(a, rng.randint(0, n))
    return [got.values, got.indices], True


def arg(pool, rng, values):
    a = pool.pick(NUMBERS, [1, 2, 3], exact=True)
    axis = axis_of(rng, a)
    if 0 in sized(a):
        raise Unfit
    return rng.choice([tf.argmax, tf.argmin])(a, axis, output_type=rng.choice(INTS)), True


def sort(pool, rng, values):
    a = pool.pick(NUMBERS, [1, 2], exact=True)
    return rng.choice([tf.sort, tf.argsort])(a, direction=rng.choice(["ASCENDING", "DESCENDING"]), **{}), True


def softmax(pool, rng, values):
    a = bounded(pool.pick(WIDE, [1, 2, 3]))
    return rng.choice([tf.nn.softmax, tf.nn.log_softmax])(a), False


def matmul(pool, rng, values):
    a = pool.pick(FLOATS + INTS, [2, 3, 4])
    n = sized(a)[-1]
    right = tf.constant(values.integers(-2, 3, (n, rng.randint(1, 6))), a.dtype)
    if rng.random() < 0.3:
        return tf.matmul(a, a, transpose_b=True), not a.dtype.is_floating
    return tf.matmul(a, right) if a.shape.rank == 2 else tf.einsum("...ij,jk->...ik", a, right), not a.dtype.is_floating


def einsum(pool, rng, values):
    a = pool.pick(FLOATS, [2])
    equation = rng.choice(["ij,kj->ik", "ij,ij->i", "ij,ij->", "ij,kl->ljki", "ij,ik->jk"])
    return tf.einsum(equation, bounded(a), bounded(a)), False


def image(pool, rng, dtypes=(tf.float32,)):
    """A tensor of four dimensions; of 16-bit floats an exact one, since sums make what was rounded before look worse."""
    picked = pool.pick(dtypes, [4])
    if 0 in sized(picked) or (picked.dtype == tf.float16 and not pool.is_exact(picked)):
        raise Unfit
    return bounded(picked)


def conv(pool, rng, values):
    t = image(pool, rng, [tf.float32, tf.float16])
    c = t.shape[3]
    filters = tf.constant(values.standard_normal((rng.randint(1, 3), rng.randint(1, 3), c, rng.randint(1, 5))), t.dtype)
    stride, padding = rng.randint(1, 2), rng.choice(["SAME", "VALID"])
    kind = rng.random()
    if kind < 0.4:
        return tf.nn.conv2d(t, filters, stride, padding), False
    if kind < 0.7:
        return tf.nn.depthwise_conv2d(t, filters, [1, stride, stride, 1], padding), False
    n, h, w, _ = sized(t)
    turned = tf.constant(values.standard_normal((2, 3, 3, c)), t.dtype)
    shape = [n, h * stride, w * stride, 3] if padding == "SAME" else [n, (h - 1) * stride + 2, (w - 1) * stride + 3, 3]
    return tf.nn.conv2d_transpose(t, turned, shape, stride, padding), False


def pool_(pool, rng, values):
    t = image(pool, rng, [tf.float32, tf.float16])
    return rng.choice([tf.nn.max_pool2d, tf.nn.avg_pool2d])(t, rng.randint(1, 3), rng.randint(1, 2), rng.choice(["SAME", "VALID"])), False


def norm(pool, rng, values):
    t = image(pool, rng, [tf.float32, tf.float16])
    c = t.shape[3]
    draw = lambda low, high: tf.constant(values.uniform(low, high, c), tf.float32)
    return v1.nn.fused_batch_norm(t, draw(0.5, 2), draw(-1, 1), draw(-1, 1), draw(0.5, 2), is_training=False)[0], False


def resize(pool, rng, values):
    t = image(pool, rng)
    size = [rng.randint(1, 7), rng.randint(1, 7)]
    op = rng.choice([raw.ResizeBilinear, raw.ResizeBicubic, raw.ResizeNearestNeighbor])
    corners = rng.random() < 0.3
    return op(images=t, size=size, align_corners=corners, half_pixel_centers=not corners and rng.random() < 0.5), False


def segment(pool, rng, values):
    t = pool.pick(NUMBERS, [1, 2, 3])
    n = sized(t)[0]
    ids = np.sort(values.integers(0, 3, n)).astype(np.int32)
    if rng.random() < 0.5:
        op = rng.choice([tf.math.segment_sum, tf.math.segment_max, tf.math.segment_min, tf.math.segment_mean])
        return op(t, ids), False
    op = rng.choice([tf.math.unsorted_segment_sum, tf.math.unsorted_segment_max, tf.math.unsorted_segment_min])
    values.shuffle(ids)
    return op(t, ids, 4), False


def uniques(pool, rng, values):
    t = pool.pick(INTS + [tf.string], [1])
    got = tf.unique_with_counts(t)
    return [got.y, got.idx, got.count], True


def bins(pool, rng, values):
    t = pool.pick(INTS, [1, 2])
    return raw.DenseBincount(input=t, size=tf.cast(4, t.dtype), weights=tf.zeros([0], rng.choice([tf.float32, tf.int32])), binary_output=rng.random() < 0.5), True


def diagonal(pool, rng, values):
    t = pool.pick(NUMBERS, [2, 3])
    if 0 in sized(t):
        raise Unfit
    k = (rng.randint(-1, 0), rng.randint(0, 1))
    align = rng.choice(["LEFT_RIGHT", "RIGHT_LEFT", "LEFT_LEFT", "RIGHT_RIGHT"])
    if rng.random() < 0.5:
        return tf.linalg.band_part(t, rng.randint(-1, 1), rng.randint(-1, 1)), pool.is_exact(t)
    rows, columns = sized(t)[-2:]
    if k[0] <= -rows or k[1] >= columns:
        raise Unfit
    return tf.linalg.diag_part(t, k=k, align=align), pool.is_exact(t)


def roll(t, rng):
    return tf.roll(t, rng.randint(-3, 3), axis_of(rng, t))


def cumulate(pool, rng, values):
    t = pool.pick(NUMBERS, [1, 2, 3])
    return tf.cumsum(t, axis_of(rng, t), exclusive=rng.random() < 0.5, reverse=rng.random() < 0.5), not t.dtype.is_floating


def spectrum(pool, rng, values):
    t = bounded(pool.pick([tf.float32], [1, 2, 3]))
    n = sized(t)[-1]
    if n < 1 or 0 in sized(t):
        raise Unfit
    spectral = tf.signal.rfft(t)
    return rng.choice([tf.math.real, tf.math.imag, tf.abs, lambda c: tf.signal.irfft(c, [n])])(spectral), False


def text(f):
    def make(pool, rng, values):
        return f(pool.pick([tf.string]), rng), True

    return make


def as_string(pool, rng, values):
    return tf.strings.as_string(pool.pick(INTS + [tf.bool], exact=True)), True


def shape_of(pool, rng, values):
    t = pool.pick()
    return rng.choice([tf.shape, tf.size, tf.rank])(t), True


def cond(pool, rng, values):
    t = pool.pick(FLOATS)
    c = pool.pick([tf.bool], [0]) if rng.random() < 0.3 else tf.reduce_any(pool.pick([tf.bool]))
    return tf.cond(c, lambda: bounded(t) * 2, lambda: tf.reverse(t, [0]) if t.shape.rank else -t), False


def loop(pool, rng, values):
    t = pool.pick(FLOATS)
    rounds = rng.randint(0, 4)
    _, y = tf.while_loop(lambda i, _: i < rounds, lambda i, a: (i + 1, tf.cond(tf.equal(i % 2, 0), lambda: a * 0.5, lambda: a + tf.cast(i, a.dtype))), [0, t])
    return y, False


def mapped(pool, rng, values):
    t = pool.pick(FLOATS, [1, 2, 3])
    if sized(t)[0] == 0:
        raise Unfit
    return tf.map_fn(lambda row: row * 2 - 1, t), False


def drawn(pool, rng, values):
    shape = [rng.randint(0, 4), rng.randint(1, 3)]
    seed = [rng.randint(-9, 9), rng.randint(0, 2**40)]
    kind = rng.choice([tf.random.stateless_uniform, tf.random.stateless_normal, tf.random.stateless_truncated_normal])
    return kind(shape, tf.constant(seed, tf.int64), dtype=rng.choice([tf.float32, tf.float16])), True


def recurrent(pool, rng, values):
    x = bounded(pool.pick([tf.float32], [2]))
    m, k = sized(x)
    if k == 0:
        raise Unfit
    n = rng.randint(1, 6)
    weight = lambda *shape: tf.constant(values.standard_normal(shape), tf.float32)
    how = {"bias": rng.random() < 0.8, "swapped": rng.random() < 0.3}
    if rng.random() < 0.5:
        return patterns.lstm(x, weight(k, 4 * n), weight(m, n), weight(n, 4 * n), weight(m, n), weight(4 * n), more=rng.random() < 0.2, **how), False
    biases = (weight(3 * n), weight(3 * n)) if rng.random() < 0.5 else weight(2, 3 * n)
    how |= {"sliced": rng.random() < 0.5, "unpacked": rng.random() < 0.5, "other": rng.random() < 0.2}
    return patterns.gru(x, weight(k, 3 * n), weight(m, n), weight(n, 3 * n), biases, **how), False


def layer_norm(pool, rng, values):
    x = bounded(pool.pick([tf.float32], [1, 2, 3, 4]))
    size = sized(x)[-1]
    weight = lambda *shape: tf.constant(values.standard_normal(shape), tf.float32)
    gamma, beta = weight(size) if rng.random() < 0.7 else None, weight(size) if rng.random() < 0.7 else None
    axis = -1 if rng.random() < 0.8 else rng.randrange(x.shape.rank)
    return patterns.norm(x, gamma, beta, axis=axis, epsilon=0.1, swapped=rng.random() < 0.3, subtracted=beta is not None and rng.random() < 0.5), False


def attention(pool, rng, values):
    q = bounded(pool.pick([tf.float32], [4]))
    b, t, n, h = sized(q)
    s = rng.randint(1, 5)
    weight = lambda *shape: tf.constant(values.standard_normal(shape), tf.float32)
    mask = tf.constant(values.random([rng.choice([1, b]), 1, rng.choice([1, t]), s]) < 0.6) if rng.random() < 0.5 and 0 not in (b, t) else None
    return patterns.attention(q, weight(b, s, n, h), weight(b, s, n, rng.randint(1, 4)), scale=rng.choice([None, 0.5]), mask=mask), False


def quantized(f):
    return unary(f, FLOATS, exact=True, needs_exact=True)


OPS = [
    *[unary(f, WIDE) for f in (tf.tanh, tf.sigmoid, tf.nn.softplus, tf.sin, tf.cos, tf.atan, tf.math.softsign)],
    *[unary(lambda t, f=f: f(bounded(t)), FLOATS) for f in (tf.exp, tf.math.expm1, tf.sinh, tf.cosh, tf.math.erf, tf.math.erfc, tf.square, tf.nn.elu, tf.nn.selu, tf.asinh)],
    *[unary(lambda t, f=f: f(tf.abs(t) + tf.cast(0.1, t.dtype)), FLOATS) for f in (tf.math.log, tf.math.log1p, tf.sqrt, tf.math.rsqrt, tf.math.reciprocal)],
    *[unary(f, FLOATS, exact=True) for f in (tf.nn.relu, tf.nn.relu6, tf.abs, tf.negative, tf.nn.leaky_relu)],
    *[unary(f, INTS, exact=True) for f in (tf.abs, tf.negative, tf.sign, tf.square)],
    *[quantized(f) for f in (tf.floor, tf.math.ceil, tf.round, tf.sign, tf.math.rint)],
    *[binary(f, NUMBERS) for f in (tf.add, tf.subtract, tf.math.squared_difference)] * 2,
    binary(lambda a, b: bounded(a) * bounded(b), NUMBERS),
    *[binary(f, NUMBERS, exact=True) for f in (tf.maximum, tf.minimum)],
    binary(lambda a, b: a / (tf.abs(b) + tf.cast(0.5, b.dtype)), FLOATS),
    binary(tf.math.divide_no_nan, FLOATS, needs_exact=True),
    *[binary(f, INTS, exact=True) for f in (tf.math.floordiv, tf.math.floormod, tf.bitwise.bitwise_and, tf.bitwise.bitwise_xor)],
    binary(tf.atan2, FLOATS, needs_exact=True),
    *[reduce(f, NUMBERS, False) for f in (tf.reduce_sum, tf.reduce_mean)],
    *[reduce(f, NUMBERS, True) for f in (tf.reduce_max, tf.reduce_min)],
    *[reduce(f, [tf.bool], True) for f in (tf.reduce_any, tf.reduce_all)],
    *[moved(f) for f in (reshape, transpose, strided, tile)] * 2,
    moved(pad, NUMBERS),
    moved(mirror, NUMBERS, [1, 2, 3, 4]),
    moved(split),
    moved(roll, None, [1, 2, 3]),
    moved(lambda t, rng: tf.expand_dims(t, rng.randint(0, t.shape.rank))),
    moved(lambda t, rng: tf.squeeze(t)),
    moved(lambda t, rng: tf.reverse(t, some_axes(rng, t))),
    moved(lambda t, rng: tf.broadcast_to(t, [2, *sized(t)])),
    moved(lambda t, rng: tf.slice(t, [0] * t.shape.rank, [-1 if rng.random() < 0.5 else n for n in sized(t)])),
    *[concat, stack, unstack, gather, gather_nd, scatter, scatter_nd, where, compare, logical, cast, cast, one_hot, top, arg, sort, softmax, matmul, matmul, einsum],
    *[conv, conv, pool_, norm, resize, segment, uniques, bins, diagonal, cumulate, spectrum, as_string, shape_of, cond, cond, loop, mapped, drawn, recurrent, recurrent, layer_norm, layer_norm, attention, attention],
    unary(lambda t: patterns.gelu(bounded(t)), [tf.float32]),
    text(lambda t, rng: rng.choice([tf.strings.lower, tf.strings.upper, tf.strings.strip, tf.strings.length])(t)),
    text(lambda t, rng: tf.strings.join([t, t], rng.choice(["", "-"]))),
    text(lambda t, rng: tf.strings.regex_replace(t, "[a-c]|\\s", "<\\0>")),
    text(lambda t, rng: tf.strings.substr(t, rng.choice([0, 1]), 2)),
    text(lambda t, rng: tf.strings.to_hash_bucket_fast(t, 100)),
    text(lambda t, rng: tf.strings.reduce_join(t, some_axes(rng, t), separator="|")),
    text(lambda t, rng: tf.strings.unicode_transcode(t, "UTF-8", "UTF-16-BE")),
]
