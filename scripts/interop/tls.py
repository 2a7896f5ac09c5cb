"""TLS by Python's gRPC: a server that wants its clients to show a certificate.

usage: tls.py CA CERT KEY TARGET …

Each TARGET serves the model half_plus_two; its certificate is for localhost. CERT and KEY are the client's own. Prints one JSON object a line, as client.py does.
"""

import json
import sys
import traceback

import grpc
from tensorflow_serving.apis import get_model_status_pb2

TIMEOUT_S = 60
OPTIONS = [("grpc.ssl_target_name_override", "localhost"), ("grpc.default_authority", "localhost")]


def content(path):
    with open(path, "rb") as file:
        return file.read()


def ask(target, credentials):
    """ask gives the version that is served, or the status that the server, or the handshake, ended with."""
    with grpc.secure_channel(target, credentials, OPTIONS) as channel:
        call = channel.unary_unary(
            "/tensorflow.serving.ModelService/GetModelStatus",
            request_serializer=get_model_status_pb2.GetModelStatusRequest.SerializeToString,
            response_deserializer=get_model_status_pb2.GetModelStatusResponse.FromString,
        )
        request = get_model_status_pb2.GetModelStatusRequest()
        request.model_spec.name = "half_plus_two"
        try:
            return call(request, timeout=TIMEOUT_S).model_version_status[0].version
        except grpc.RpcError as err:
            return err.code().name


def main():
    ca, cert, key, *targets = sys.argv[1:]
    known = grpc.ssl_channel_credentials(content(ca), content(key), content(cert))
    unknown = grpc.ssl_channel_credentials(content(ca))
    for target in targets:
        for name, credentials, want in (("with a certificate", known, 2), ("without one", unknown, "UNAVAILABLE")):
            line = {"name": f"{target.split(':')[0]}, {name}"}
            try:
                got = ask(target, credentials)
                if got != want:
                    raise AssertionError(f"got {got!r}, want {want!r}")
            except Exception:  # noqa: BLE001 - whatever it is, it is this case's
                line["error"] = traceback.format_exc()
            print(json.dumps(line), flush=True)


main()
