"""Writes testdata/models. usage: make.py [MODEL...]   (needs tensorflow-cpu 2.21 and scikit-learn)"""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

import classic
import dtypes
import modern
import ops
import sequence
import served
from golden import ROOT

MAKERS = {f.__name__: f for f in (
    classic.half_plus_two, classic.counter, classic.matrix, classic.multi_metagraph, classic.sharded, classic.loops_v1,
    modern.half_plus_two_tf2, modern.digits, modern.pixel_mean, modern.text, modern.first_model, modern.second_model, modern.mlp, modern.cond_loop, modern.effects, modern.tables,
    modern.rounds, modern.defaults,
    sequence.lstm_tiny, sequence.attention_tiny,
    served.product, served.two_signatures, served.keras_identity,
)}
MAKERS.update({f"dtype_{name}": (lambda name=name: dtypes.make(name)) for name in (*dtypes.SAMPLES, *dtypes.IDENTITY)})

ROOT.mkdir(parents=True, exist_ok=True)
os.chdir(ROOT.parent)  # a model keeps the names of its assets as they were given
for model in sys.argv[1:] or sorted(MAKERS):
    MAKERS[model]()
    print(model)
ops.main()
