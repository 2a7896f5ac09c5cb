"""Writes ops.json: which kinds of op each signature needs, through functions, and what a load runs. usage: ops.py

Only nodes that a signature's outputs reach count, so training and saving leave no trace.
"""

import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""

from tensorflow.core.protobuf import saved_model_pb2

from golden import ROOT


def _node(reference: str) -> str:
    """The node of "^name", "name:1" or "name:output:0"."""
    return reference.lstrip("^").split(":")[0]


def _functions(node) -> list[str]:
    """The functions that a node names in its attributes, or calls by being their namesake."""
    names = []
    for attr in node.attr.values():
        names += [attr.func.name] if attr.HasField("func") else []
        names += [f.name for f in attr.list.func]
    return names


def reach(nodes: dict, start: list[str], library: dict, ops: set[str], seen: set[str]) -> None:
    """Adds to `ops` what the nodes of `start` need. `seen` holds the functions already walked."""
    queue, visited = [_node(s) for s in start], set()
    while queue:
        name = queue.pop()
        if name in visited or name not in nodes:  # a name that is no node is an argument of the function
            continue
        visited.add(name)
        node = nodes[name]
        queue += [_node(i) for i in node.input]
        if node.op not in library:
            ops.add(node.op)
        for function in [node.op, *_functions(node)]:
            if function in library and function not in seen:
                seen.add(function)
                body = library[function]
                wanted = [*body.ret.values(), *body.control_ret.values()]
                reach({n.name: n for n in body.node_def}, wanted, library, ops, seen)


def _load_nodes(meta) -> list[str]:
    """The nodes a loader runs: the init op or main op, by whichever of the two ways the file says it; and restoring."""
    names = []
    if "__saved_model_init_op" in meta.signature_def:
        names += [o.name for o in meta.signature_def["__saved_model_init_op"].outputs.values()]
    for key in ("saved_model_main_op", "legacy_init_op"):
        if key in meta.collection_def:
            names += list(meta.collection_def[key].node_list.value)
    return names + ([meta.saver_def.restore_op_name] if meta.saver_def.restore_op_name else [])


def find() -> dict:
    """Model -> version -> tags -> the ops of each signature and of the load."""
    found: dict = {}
    for path in sorted(ROOT.glob("*/*/saved_model.pb")):
        version = found.setdefault(path.parent.parent.name, {}).setdefault(path.parent.name, {})
        for meta in saved_model_pb2.SavedModel.FromString(path.read_bytes()).meta_graphs:
            nodes = {n.name: n for n in meta.graph_def.node}
            library = {f.signature.name: f for f in meta.graph_def.library.function}
            signatures = {k: [o.name for o in s.outputs.values()] for k, s in meta.signature_def.items() if not k.startswith("__")}
            answer = {"signatures": {}, "load": []}
            for signature, start in sorted(signatures.items()):
                ops: set[str] = set()
                reach(nodes, start, library, ops, set())
                answer["signatures"][signature] = sorted(ops)
            ops = set()
            reach(nodes, _load_nodes(meta), library, ops, set())
            answer["load"] = sorted(ops)
            version[",".join(meta.meta_info_def.tags)] = answer
    return found


def main() -> None:
    (ROOT / "ops.json").write_text(json.dumps(find(), indent=1) + "\n")


if __name__ == "__main__":
    main()
