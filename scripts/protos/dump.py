"""Writes one FileDescriptorSet: the closure of the roots, as the installed PyPI packages carry it.

usage: dump.py OUT.binpb ROOT.proto...

Nothing of TensorFlow is imported: every *_pb2.py holds its serialised FileDescriptorProto as one bytes literal, which is
read from the source text. So this takes a second, not the ten that importing TensorFlow takes.
"""

import ast
import pathlib
import sys
import sysconfig

from google.protobuf import descriptor_pb2


def serialized(site: pathlib.Path, name: str) -> bytes:
    module = name.removesuffix(".proto").replace("-", "_") + "_pb2.py"
    # The wheel keeps xla/… and tsl/… below tensorflow/compiler, whatever their import path says.
    source = next((s for s in (site / module, site / "tensorflow/compiler" / module) if s.exists()), None)
    if source is None:
        raise SystemExit(f"{name}: no {module} in {site}; are tensorflow-cpu and tensorflow-serving-api installed?")
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "AddSerializedFile":
            return ast.literal_eval(node.args[0])
    raise SystemExit(f"{source} holds no serialised descriptor")


def main() -> None:
    out, roots = sys.argv[1], sys.argv[2:]
    site = pathlib.Path(sysconfig.get_paths()["purelib"])
    done: dict[str, descriptor_pb2.FileDescriptorProto] = {}

    def walk(name: str) -> None:
        if name in done:
            return
        file = descriptor_pb2.FileDescriptorProto.FromString(serialized(site, name))
        for dependency in file.dependency:
            walk(dependency)
        done[name] = file  # after its dependencies: a FileDescriptorSet is in that order

    for root in roots:
        walk(root)
    found = descriptor_pb2.FileDescriptorSet(file=list(done.values()))
    pathlib.Path(out).write_bytes(found.SerializeToString())
    print(f"{len(found.file)} files")


main()
