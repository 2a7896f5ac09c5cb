"""Random small graphs with what TensorFlow computes, a line of JSON each. usage: fuzz.py COUNT SEED   (tensorflow-cpu 2.21)

A graph begins with a few inputs and goes on with ops that fit what is there (fuzz_ops.py). What is not exact, since floats were computed, is not given to ops that jump."""
import base64
import json
import random
import sys

from rows import np, tensor, tf

import fuzz_ops

v1 = tf.compat.v1


class Pool:
    """Tensors that a graph has so far; those of floats that were computed are not exact."""

    def __init__(self, rng: random.Random):
        self.rng = rng
        self.tensors = []
        self.exact = set()

    def add(self, tensors, exact: bool) -> None:
        for t in tensors if isinstance(tensors, (list, tuple)) else [tensors]:
            self.tensors.append(t)
            if exact or not t.dtype.is_floating:
                self.exact.add(t.name)

    def pick(self, dtypes=None, ranks=None, exact=False):
        """One of the tensors, the later ones more often; raises Unfit if there is none."""
        found = [t for t in self.tensors if (dtypes is None or t.dtype in dtypes) and (ranks is None or t.shape.rank in ranks) and (not exact or t.name in self.exact)]
        if not found:
            raise fuzz_ops.Unfit
        return found[min(len(found) - 1, int(len(found) * self.rng.random() ** 0.5))]

    def is_exact(self, *tensors) -> bool:
        return all(t.name in self.exact for t in tensors)


def inputs(rng: random.Random, values: np.random.Generator):
    for i in range(rng.randint(2, 4)):
        dtype = rng.choice([tf.float32] * 6 + [tf.int32, tf.int32, tf.int64, tf.bool, tf.string, tf.float64, tf.float16, tf.uint8])
        shape = [rng.choice([1, 2, 3, 4, 5]) for _ in range(rng.choice([0, 1, 2, 2, 2, 3, 3, 4]))]
        if rng.random() < 0.03 and shape:
            shape[rng.randrange(len(shape))] = 0
        if dtype == tf.string:
            words = ["", "a", "Bc", "  d e ", "1,2", "é", "x9"]
            value = np.array([rng.choice(words).encode() for _ in range(int(np.prod(shape)))], object).reshape(shape)
        elif dtype == tf.bool:
            value = values.random(shape) < 0.5
        elif dtype.is_integer:
            value = values.integers(0, 5, shape).astype(dtype.as_numpy_dtype)
        else:
            value = (values.standard_normal(shape) * 2).astype(dtype.as_numpy_dtype)
        yield v1.placeholder(dtype, shape, name=f"in{i}"), np.asarray(value, dtype.as_numpy_dtype)


def graph(seed: int) -> dict | None:
    rng, values = random.Random(seed), np.random.default_rng(seed)
    (v1.disable_control_flow_v2 if rng.random() < 0.5 else v1.enable_control_flow_v2)()
    with tf.Graph().as_default() as g:
        pool, feeds = Pool(rng), {}
        for placeholder, value in inputs(rng, values):
            pool.add(placeholder, True)
            feeds[placeholder.name] = value
        steps, wanted = 0, rng.randint(3, 12)
        for _ in range(60):
            try:
                result, exact = rng.choice(fuzz_ops.OPS)(pool, rng, values)
            except (fuzz_ops.Unfit, ValueError, TypeError, IndexError):
                continue
            pool.add(result, exact)
            steps += 1
            if steps == wanted:
                break
        made = pool.tensors[len(feeds) :]
        if not made:
            return None
        fetches = sorted({t.name for t in [made[-1], *rng.sample(made, min(2, len(made)))]})
        case = {"seed": seed, "feeds": {k: tensor(v) for k, v in feeds.items()}, "fetches": fetches}
        case["graph"] = base64.b64encode(g.as_graph_def().SerializeToString()).decode()
        case["inexact"] = [name not in pool.exact for name in fetches]
        with v1.Session(graph=g, config=CONFIG) as session:
            try:
                case["outputs"] = [tensor(v) for v in session.run(fetches, feeds)]
            except tf.errors.OpError as err:
                case["error"] = {"code": err.error_code, "message": " ".join(err.message.split())[:300]}
    return case


CONFIG = v1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
CONFIG.graph_options.optimizer_options.opt_level = -1
CONFIG.graph_options.rewrite_options.disable_meta_optimizer = True

if __name__ == "__main__":
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    made = 0
    while made < count:
        case = graph(seed)
        seed += 1
        if case is not None:
            made += 1
            print(json.dumps(case), flush=True)
