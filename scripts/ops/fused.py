"""Writes packages/engine/testdata/fused.json: small graphs of ops that the embedded engine computes in one go, and some that it must not, with what TensorFlow gives. Run with tensorflow-cpu 2.21."""
import base64
import json
import pathlib

from rows import np, tensor, tf

import patterns

TARGET = pathlib.Path(__file__).resolve().parents[2] / "packages/engine/testdata/fused.json"
v1 = tf.compat.v1
raw = tf.raw_ops
rng = np.random.default_rng(41)
cases = []


class Given:
    """Weights are constants of the graph; what is fed is a placeholder."""

    def __init__(self):
        self.feeds = {}

    def weight(self, *shape):
        return tf.constant(rng.standard_normal(shape).astype(np.float32) * 0.7)

    def fed(self, *shape, value=None):
        value = rng.standard_normal(shape).astype(np.float32) if value is None else value
        placeholder = v1.placeholder(value.dtype, value.shape, name=f"in{len(self.feeds)}")
        self.feeds[placeholder.name] = value
        return placeholder


def case(name, want, make, feeds=None):
    """`make` gives what is fetched; `want` names the patterns that are to be found."""
    with tf.Graph().as_default() as g:
        given = Given()
        fetched = make(given)
        fetches = [t.name for t in (fetched if isinstance(fetched, (list, tuple)) else [fetched])]
        with v1.Session(graph=g, config=patterns.CONFIG) as session:
            outputs = [tensor(v) for v in session.run(fetches, given.feeds)]
        text = base64.b64encode(g.as_graph_def().SerializeToString()).decode()
        cases.append({"name": name, "patterns": want, "graph": text, "feeds": {k: tensor(v) for k, v in given.feeds.items()}, "fetches": fetches, "outputs": outputs})


def lstm(m, k, n, **how):
    return lambda g: patterns.lstm(g.fed(m, k), g.weight(k, 4 * n), g.fed(m, n), g.weight(n, 4 * n), g.fed(m, n), g.weight(4 * n), **how)


def gru(m, k, n, rows=False, **how):
    def make(g):
        biases = g.weight(2, 3 * n) if rows else (g.weight(3 * n), g.weight(3 * n))
        return patterns.gru(g.fed(m, k), g.weight(k, 3 * n), g.fed(m, n), g.weight(n, 3 * n), biases, **how)

    return make


for m, k, n in [(1, 1, 1), (1, 3, 5), (2, 8, 4), (3, 5, 6), (4, 9, 16), (5, 7, 9), (2, 600, 3), (17, 4, 13)]:
    case(f"lstm {m} {k} {n}", ["lstm"], lstm(m, k, n))
    case(f"gru {m} {k} {n}", ["gru"], gru(m, k, n, rows=True))
case("lstm without a bias", ["lstm"], lstm(3, 5, 6, bias=False))
case("lstm, factors the other way round", ["lstm"], lstm(3, 5, 6, swapped=True))
case("lstm, large sums", ["lstm"], lambda g: patterns.lstm(g.fed(2, 3) * 100.0, g.weight(3, 20), g.fed(2, 5), g.weight(5, 20), g.fed(2, 5), g.weight(20)))
special = np.array([[np.nan, 1, 2], [np.inf, 1, 2], [-np.inf, 1, 2], [3, 1, 2]], np.float32)
case("lstm, no numbers", ["lstm"], lambda g: patterns.lstm(g.fed(value=special), g.weight(3, 20), g.fed(4, 5), g.weight(5, 20), g.fed(4, 5), g.weight(20)))
case("lstm, no rows", ["lstm"], lstm(0, 5, 6))
case("lstm, two steps", ["lstm", "lstm"], lambda g: patterns.steps(g.fed(2, 2, 3), g.weight(3, 20), g.fed(2, 5), g.weight(5, 20), g.fed(2, 5), g.weight(20)))
case("lstm, two steps of no rows", ["lstm", "lstm"], lambda g: patterns.steps(g.fed(2, 0, 3), g.weight(3, 20), g.fed(0, 5), g.weight(5, 20), g.fed(0, 5), g.weight(20)))
case("lstm, a gate that somebody reads", [], lstm(3, 5, 6, more="gate"))
case("lstm, gates in another order", [], lstm(3, 5, 6, order=(1, 0, 2, 3)))
case("lstm, the state is wider than the cell", ["lstm"], lambda g: patterns.lstm(g.fed(3, 5), g.weight(5, 24), g.fed(3, 7), g.weight(7, 24), g.fed(3, 6), g.weight(24)))
case("lstm, one cell for all rows", ["lstm"], lambda g: patterns.lstm(g.fed(3, 5), g.weight(5, 24), g.fed(3, 6), g.weight(6, 24), g.fed(1, 6), g.weight(24)))
case("lstm of doubles", [], lambda g: patterns.lstm(*[tf.cast(t, tf.float64) for t in (g.fed(3, 5), g.weight(5, 24), g.fed(3, 6), g.weight(6, 24), g.fed(3, 6), g.weight(24))]))
case("gru without biases", ["gru"], gru(3, 5, 6, bias=False))
case("gru, thirds by a split", ["gru"], gru(3, 5, 6, sliced=False))
case("gru, biases unpacked", ["gru"], gru(3, 5, 6, rows=True, unpacked=True))
case("gru, biases apart", ["gru"], gru(3, 5, 6))
case("gru, factors the other way round", ["gru"], gru(3, 5, 6, swapped=True))
case("gru, slices that are no thirds", [], gru(3, 5, 6, shift=1))
case("gru, another state is kept", [], gru(3, 5, 6, other=True))
case("gru, no rows", ["gru"], gru(0, 5, 6))

for shape in ((1, 1), (3, 5), (2, 3, 20), (2, 2, 3, 7), (2, 2100), (5,), (4, 8)):
    case(f"norm {list(shape)}", ["norm"], lambda g: patterns.norm(g.fed(*shape), g.weight(shape[-1]), g.weight(shape[-1])))
for how in ({"subtracted": True}, {"swapped": True}, {"axis": 1}, {"epsilon": 0.5}):
    case(f"norm {how}", ["norm"], lambda g: patterns.norm(g.fed(4, 6), g.weight(6), g.weight(6), **how))
case("norm without a factor", ["norm"], lambda g: patterns.norm(g.fed(4, 6), None, g.weight(6)))
case("norm without a summand", ["norm"], lambda g: patterns.norm(g.fed(4, 6), g.weight(1, 6)))
case("norm with neither", ["norm"], lambda g: patterns.norm(g.fed(4, 6)))
case("norm away from zero", ["norm"], lambda g: patterns.norm(g.fed(4, 60) + 3.0, g.weight(60), g.weight(60)))
case("norm, not a number", ["norm"], lambda g: patterns.norm(g.fed(value=special), g.weight(3), g.weight(3)))
case("norm over the first dimension", ["norm"], lambda g: patterns.norm(g.fed(4, 6), g.weight(6), g.weight(6), axis=0))
case("norm, a factor for each row", ["norm"], lambda g: patterns.norm(g.fed(6, 6), g.weight(6, 1), g.weight(6)))
case("norm, a summand of more dimensions", ["norm"], lambda g: patterns.norm(g.fed(4, 6), g.weight(6), g.weight(2, 4, 6)))
case("norm of nothing", ["norm"], lambda g: patterns.norm(g.fed(0, 6), g.weight(6), g.weight(6)))
case("norm by the variance of other values", [], lambda g: patterns.norm(g.fed(4, 6), g.weight(6), g.weight(6), of=g.fed(4, 6)))
case("norm, dimensions that are not kept", [], lambda g: patterns.norm(g.fed(6, 6), g.weight(6), g.weight(6), keep=False))
line = np.concatenate([np.linspace(-9, 9, 91), [np.nan, np.inf, 0.0]]).astype(np.float32)
for form in ("erfc", "erf", "distribution"):
    case(f"gelu by {form}", ["gelu"], lambda g: patterns.gelu(g.fed(7, 9), form))
    case(f"gelu by {form} along a line", ["gelu"], lambda g: patterns.gelu(g.fed(value=line), form))
case("gelu of few numbers", ["gelu"], lambda g: patterns.gelu(g.fed(2, 3)))
case("gelu of small numbers", ["gelu"], lambda g: patterns.gelu(g.fed(value=np.linspace(-7, -5, 64, dtype=np.float32))))
case("gelu, not by a half", [], lambda g: patterns.gelu(g.fed(7, 9), half=0.4))
case("gelu of one number and another", [], lambda g: raw.Mul(x=raw.Mul(x=tf.constant(0.5), y=g.fed(3, 4)), y=raw.Erfc(x=raw.Mul(x=raw.Neg(x=g.fed(3, 4)), y=tf.constant(0.5**0.5)))))


def attention(b, t, s, n, h, wide=None, mask=None, **how):
    def make(g):
        seen = None if mask is None else g.fed(value=rng.random(mask) < 0.6)
        return patterns.attention(g.fed(b, t, n, h), g.fed(b, s, n, h), g.fed(b, s, n, wide or h), mask=seen, **how)

    return make


for sizes in ((1, 1, 1, 1, 1), (2, 3, 5, 2, 4), (1, 70, 9, 3, 7), (2, 4, 33, 1, 8), (1, 5, 600, 1, 2)):
    case(f"attention {list(sizes)}", ["attention"], attention(*sizes))
case("attention, values of another size", ["attention"], attention(2, 3, 5, 2, 4, 9))
case("attention without a scale", ["attention"], attention(2, 3, 5, 2, 4, scale=None))
for mask in ((2, 1, 3, 5), (2, 2, 3, 5), (1, 1, 3, 5), (2, 1, 1, 5), (3, 5), (5,), (2, 1, 3, 1), ()):
    case(f"attention, a mask of {list(mask)}", ["attention"], attention(2, 3, 5, 2, 4, mask=mask))
case("attention, a mask along rows past those of a piece", ["attention"], attention(1, 130, 6, 2, 3, mask=(1, 1, 130, 6)))
case("attention, labels called otherwise", ["attention"], attention(2, 3, 5, 2, 4, equations=("aecd,abcd->aceb", "acbe,aecd->abcd")))
case("attention, keys and queries the other way round", [], attention(2, 3, 3, 2, 4, equations=("BSNH,BTNH->BNTS", "BNTS,BSNH->BTNH")))
case("attention of nothing", ["attention"], attention(0, 3, 5, 2, 4))
case("attention to nothing", ["attention"], attention(2, 3, 0, 2, 4))

TARGET.write_text("[\n" + ",\n".join(json.dumps(c) for c in cases) + "\n]\n")
print(len(cases), "graphs,", TARGET.stat().st_size, "bytes")
