"""Writes packages/engine/testdata/kernels/FAMILY.json: rows of single ops as TensorFlow computes them. usage: coverage.py [FAMILY…]   (tensorflow-cpu 2.21)"""
import importlib
import json
import pathlib
import sys

import rows

TARGET = pathlib.Path(__file__).resolve().parents[2] / "packages/engine/testdata/kernels"
FAMILIES = ("arrays", "images", "pictures", "products", "random", "segments", "sparse", "special", "spectra", "texts", "windows")
TARGET.mkdir(parents=True, exist_ok=True)
for family in sys.argv[1:] or FAMILIES:
    rows.rows.clear()
    importlib.import_module(f"families.{family}")
    path = TARGET / f"{family}.json"
    path.write_text("[\n" + ",\n".join(json.dumps(r) for r in rows.rows) + "\n]\n")
    errors = [r for r in rows.rows if "error" in r]
    print(family, len(rows.rows), "rows,", len({r["op"] for r in rows.rows}), "ops,", len(errors), "errors,", path.stat().st_size)
    for r in errors:
        print("  ", r["op"], r["name"], r["error"]["message"][:150])
