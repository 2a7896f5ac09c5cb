"""Answers for patterns, one JSON array [pattern, rewrite, global, [subjects]] a line, in base64 but for the flag: {"matches": [...], "replaced": [...]} or {"error": "..."}. Run with tensorflow-cpu 2.21."""
import base64
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import tensorflow as tf

# RegexReplace with its pattern as an attribute goes by protobuf strings, which Python takes as UTF-8 only: patterns are inputs here.
for line in sys.stdin:
    pattern, rewrite, replace_global, subjects = json.loads(line)
    pattern, rewrite, *subjects = [base64.b64decode(v) for v in [pattern, rewrite, *subjects]]
    inputs = tf.constant(subjects, tf.string)
    try:
        with tf.device("/cpu:0"):
            matches = tf.raw_ops.RegexFullMatch(input=inputs, pattern=tf.constant(pattern))
            replaced = tf.raw_ops.RegexReplace(input=inputs, pattern=tf.constant(pattern), rewrite=tf.constant(rewrite), replace_global=replace_global)
        answer = {"matches": [bool(v) for v in matches.numpy()], "replaced": [base64.b64encode(v).decode() for v in replaced.numpy()]}
    except UnicodeDecodeError:
        answer = {"error": ""}  # the error's text has the pattern in it, whose bytes are not UTF-8
    except tf.errors.InvalidArgumentError as err:
        answer = {"error": err.message.split("}} ", 1)[-1].split(" [Op:")[0]}
    print(json.dumps(answer), flush=True)
