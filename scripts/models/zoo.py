"""Makes the zoo: models as people export them, with what TensorFlow answers. usage: zoo.py --to DIR [--list] [MEMBER…]

Each member is DIR/MEMBER/1 (a SavedModel) and DIR/MEMBER/golden.json. What is there already stays. `--list` prints the members as JSON and makes none.
Every weight is drawn at random (families/weights.py). A member is refused here whose floats do not spread by 0.1 to 10, or whose two inputs give the same."""

import argparse
import json
import os
import pathlib
import shutil
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

from families import classic, columns, images, layers, sequences, texts  # none of them imports TensorFlow before it makes something

FAMILIES = (sequences, texts, columns, classic, layers, images)


def members() -> dict:
    """Every member by name: its family, whether it is quick, and what makes it: given a folder, it saves there and returns the signature and its inputs."""
    found = {}
    for family in FAMILIES:
        for name, quick, make in family.members():
            found[name] = (family.__name__.split(".")[-1], quick, make)
    return found


def check(cases: list) -> None:
    """Raises if outputs are too small, too large, or the same for the two inputs."""
    import numpy as np

    from verify_tensor import from_json

    first, second = (case["outputs"] for case in cases[:2])
    differs = False
    for alias in first:
        a, b = from_json(first[alias]), from_json(second[alias])
        if a.dtype.kind == "f":
            spread = float(np.std(np.concatenate([a.reshape(-1), b.reshape(-1)]).astype(np.float64)))
            assert 0.1 <= spread <= 10, f"{alias} spreads by {spread}"
            differs |= a.shape != b.shape or float(np.max(np.abs(a - b))) > 0.01 * float(np.max(np.abs(a)))
        else:
            differs |= a.shape != b.shape or a.tolist() != b.tolist()
    assert differs, "the outputs of the two inputs are the same"


def make(name: str, maker, family: str, to: pathlib.Path) -> None:
    to.mkdir(parents=True, exist_ok=True)
    scratch = pathlib.Path(tempfile.mkdtemp(prefix=f".{name}-", dir=to))
    try:
        fill(scratch, name, maker, family)
        shutil.rmtree(to / name, ignore_errors=True)
        scratch.rename(to / name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def fill(scratch: pathlib.Path, name: str, maker, family: str) -> None:
    from golden import run

    signatures = maker(scratch / "1")
    answered = {}
    for signature, inputs in signatures.items():
        cases = run(scratch / "1", signature, inputs)
        failed = [case["error"]["message"] for case in cases if "error" in case]
        assert not failed, failed
        check(cases)
        answered[signature] = cases
    (scratch / "golden.json").write_text(json.dumps({"member": name, "family": family, "signatures": answered}))


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--to", required=True, type=pathlib.Path)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--again", action="store_true", help="make also what is there")
    parser.add_argument("members", nargs="*")
    options = parser.parse_args()
    known = members()
    if options.list:
        print(json.dumps([{"name": name, "family": family, "quick": quick} for name, (family, quick, _) in known.items()]))
        return 0
    failed = 0
    wanted = options.members or list(known)
    for i, name in enumerate(wanted):
        if (options.to / name / "golden.json").exists() and not options.again:
            continue
        began = time.monotonic()
        family, _, maker = known[name]
        try:
            make(name, maker, family, options.to.resolve())
            print(f"{i + 1}/{len(wanted)} {name}: {time.monotonic() - began:.0f} s", flush=True)
        except Exception as err:  # one member that cannot be made is no reason to make none
            failed += 1
            print(f"{i + 1}/{len(wanted)} {name}: FAILED: {type(err).__name__}: {str(err)[:500]}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
