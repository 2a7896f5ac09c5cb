"""Ops that the embedded engine computes in one go, as Keras writes them."""
from rows import tf

v1 = tf.compat.v1
raw = tf.raw_ops
CONFIG = v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
CONFIG.graph_options.optimizer_options.opt_level = -1
CONFIG.graph_options.rewrite_options.disable_meta_optimizer = True


def product(a, b):
    return raw.MatMul(a=a, b=b)


def times(a, b, swapped=False):
    return raw.Mul(x=b, y=a) if swapped else raw.Mul(x=a, y=b)


def plus(a, b, swapped=False):
    return raw.AddV2(x=b, y=a) if swapped else raw.AddV2(x=a, y=b)


def lstm(x, kernel, h, recurrent, cell, bias_values, bias=True, swapped=False, order=(0, 1, 2, 3), more=None):
    """The state and the cell that follow; and a gate, where `more` says so."""
    z = raw.AddV2(x=product(x, kernel), y=product(h, recurrent))
    if bias:
        z = raw.BiasAdd(value=z, bias=bias_values)
    parts = raw.Split(axis=1, value=z, num_split=4)
    i, f, g, o = [parts[at] for at in order]
    forget = raw.Sigmoid(x=f)
    now = plus(times(forget, cell, swapped), times(raw.Sigmoid(x=i), raw.Tanh(x=g), swapped), swapped)
    state = times(raw.Sigmoid(x=o), raw.Tanh(x=now), swapped)
    return (state, now, forget) if more else (state, now)


def steps(xs, kernel, h, recurrent, cell, bias):
    for x in tf.unstack(xs):
        h, cell = lstm(x, kernel, h, recurrent, cell, bias)
    return h, cell


def gru(x, kernel, h, recurrent, biases, bias=True, sliced=True, unpacked=False, swapped=False, shift=0, other=False):
    """The state that follows. Biases are a pair, or the rows of a matrix."""
    units = h.shape[1]
    if bias and not isinstance(biases, tuple):
        biases = tf.unstack(biases) if unpacked else [tf.squeeze(row, 0) for row in tf.split(biases, 2)]
    left, right = product(x, kernel), product(h, recurrent)
    if bias:
        left, right = raw.BiasAdd(value=left, bias=biases[0]), raw.AddV2(x=right, y=biases[1])
    x0, x1, x2 = raw.Split(axis=-1, value=left, num_split=3)
    if sliced:
        h0, h1, h2 = right[:, shift : units + shift], right[:, units : 2 * units], right[:, 2 * units :]
    else:
        h0, h1, h2 = raw.Split(axis=1, value=right, num_split=3)
    update, reset = raw.Sigmoid(x=plus(x0, h0, swapped)), raw.Sigmoid(x=plus(x1, h1, swapped))
    now = raw.Tanh(x=plus(x2, times(reset, h2, swapped), swapped))
    kept = h * 2.0 if other else h
    return plus(times(update, kept, swapped), times(raw.Sub(x=tf.constant(1.0), y=update), now, swapped), swapped)


def norm(x, gamma=None, beta=None, axis=-1, epsilon=1e-3, subtracted=False, keep=True, swapped=False, of=None):
    """Layer normalisation, as Keras has it, or (`subtracted`) tf.nn.batch_normalization."""
    mean = raw.Mean(input=x, axis=[axis], keep_dims=keep)
    variance = raw.Mean(input=raw.SquaredDifference(x=mean, y=x) if swapped else raw.SquaredDifference(x=x if of is None else of, y=mean), axis=[axis], keep_dims=keep)
    by = raw.Rsqrt(x=plus(variance, tf.constant(epsilon), swapped))
    by = by if gamma is None else times(by, gamma, swapped)
    scaled = times(x, by, swapped)
    if subtracted:
        return plus(scaled, raw.Sub(x=beta, y=times(mean, by, swapped)), swapped)
    rest = times(raw.Neg(x=mean), by, swapped)
    return plus(scaled, rest if beta is None else plus(rest, beta, swapped), swapped)


def gelu(x, form="erfc", half=0.5):
    """GELU as Keras has it, as tf.nn.gelu has it, and with the half at the distribution."""
    if form == "erfc":
        return raw.Mul(x=raw.Mul(x=tf.constant(half), y=x), y=raw.Erfc(x=raw.Mul(x=raw.Neg(x=x), y=tf.constant(0.5**0.5))))
    share = raw.AddV2(x=tf.constant(1.0), y=raw.Erf(x=raw.RealDiv(x=x, y=tf.constant(2**0.5)) if form == "erf" else raw.Mul(x=x, y=tf.constant(0.5**0.5))))
    return raw.Mul(x=raw.Mul(x=tf.constant(half), y=x), y=share) if form == "erf" else raw.Mul(x=x, y=raw.Mul(x=tf.constant(half), y=share))


def attention(q, k, v, scale=0.5, mask=None, instead=-3e4, equations=("BTNH,BSNH->BNTS", "BNTS,BSNH->BTNH")):
    """Attention of several heads, as Keras has it."""
    scores = raw.Einsum(inputs=[q, k], equation=equations[0])
    if scale is not None:
        scores = raw.Mul(x=scores, y=tf.constant(scale))
    if mask is not None:
        scores = raw.SelectV2(condition=mask, t=scores, e=tf.constant(instead))
    return raw.Einsum(inputs=[raw.Softmax(logits=scores), v], equation=equations[1])
