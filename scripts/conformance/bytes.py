"""Random gRPC calls whose every byte is checked at both ends: messages, metadata, statuses.

usage: bytes.py server                               prints {"port": N} and serves until it is killed
       bytes.py client TARGET CALLS SEED CONNECTIONS prints {"error": …} for each call that came out wrong, then {"calls": N, "sent": BYTES, "received": BYTES}

Each message is a slice of one pool of random bytes that both ends make from the same seed. A call carries its plan: which slices the server is to
get, which it is to answer with, what it says in metadata, and how it ends.
"""

import concurrent.futures
import itertools
import json
import random
import sys
import threading

import grpc

MAX_BYTES = 4 << 20
POOL = memoryview(random.Random(20240601).randbytes(2 * MAX_BYTES))
IN_FLIGHT = 16
TIMEOUT_S = 120
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
EDGES = [0, 1, 4, 5, 16_379, 16_384, 16_385, 65_530, 65_535, 65_536, 1 << 20, MAX_BYTES - 1, MAX_BYTES]
# Nothing with a space at its ends: gRPC would send it as it is, and HTTP/2 forbids such a field (RFC 9113, section 8.2.1).
SAYS = ["", "plain", "100 % off\r\n\ttab\n", "grüß dich, 世界 🙂", "%41%", "a  b"]
CODES = {code.value[0]: code for code in grpc.StatusCode}


def slice_of(where):
    offset, length = where
    return bytes(POOL[offset : offset + length])


def difference(got, where, what):
    """What is wrong with a message, or None."""
    want = slice_of(where)
    if got == want:
        return None
    at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
    return f"{what}: {len(got)} bytes of {len(want)}, the first that differs is {at}"


# The server.


def answer(requests, context):
    metadata = dict(context.invocation_metadata())
    plan = json.loads(metadata["plan-bin"])
    context.send_initial_metadata((("echo-bin", metadata["echo-bin"]), ("echo", metadata["echo"])))
    answers = iter(plan["answers"])
    count = 0
    for count, got in enumerate(requests, 1):
        wrong = difference(got, plan["asks"][count - 1], f"request message {count}") if count <= len(plan["asks"]) else f"request message {count} is too many"
        if wrong is not None:
            context.abort(grpc.StatusCode.DATA_LOSS, wrong)
        # The first half of the answers goes out while requests still come in.
        if count * 2 <= len(plan["answers"]):
            yield slice_of(next(answers))
    if count != len(plan["asks"]):
        context.abort(grpc.StatusCode.DATA_LOSS, f"{count} request messages of {len(plan['asks'])}")
    for where in answers:
        yield slice_of(where)
    context.set_trailing_metadata((("echo-bin", metadata["echo-bin"]), ("count", str(count))))
    context.set_code(CODES[plan["code"]])
    context.set_details(plan["says"])


class Anything(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.stream_stream_rpc_method_handler(answer)


def serve():
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(2 * IN_FLIGHT), handlers=[Anything()], options=OPTIONS)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(json.dumps({"port": port}), flush=True)
    server.wait_for_termination()


# The client.


def sizes(rng, count):
    """`count` lengths that add up to at most MAX_BYTES: nothing, an edge, or any order of magnitude."""
    total = rng.choice(EDGES) if rng.random() < 0.2 else int(MAX_BYTES ** rng.random()) - 1
    cuts = sorted(rng.randint(0, total) for _ in range(count - 1))
    return [b - a for a, b in zip([0, *cuts], [*cuts, total])]


def slices(rng, count):
    return [(rng.randint(0, len(POOL) - length), length) for length in sizes(rng, count)] if count > 0 else []


def new_call(rng):
    client_streams, server_streams = rng.choice([(False, False)] * 4 + [(True, False), (False, True), (True, True)])
    code = rng.randint(1, 16) if rng.random() < 0.1 else 0
    plan = {
        "asks": slices(rng, rng.randint(0, 6) if client_streams else 1),
        "answers": slices(rng, rng.randint(0, 6) if server_streams else 1 if code == 0 else 0),
        "code": code,
        "says": rng.choice(SAYS) if code != 0 else "",
    }
    echo = [rng.randbytes(rng.randint(0, 300)), "".join(chr(rng.randint(0x21, 0x7E)) for _ in range(rng.randint(1, 100)))]
    return {"method": f"/bytes.v{rng.randint(1, 9)}.Any/Call{rng.randint(1, 99)}", "streams": (client_streams, server_streams), "plan": plan, "echo": echo}


def make(channel, call):
    """Makes one call; gives what is wrong with what came, or None."""
    client_streams, server_streams = call["streams"]
    plan = call["plan"]
    kind = f"{'stream' if client_streams else 'unary'}_{'stream' if server_streams else 'unary'}"
    asks = [slice_of(where) for where in plan["asks"]]
    metadata = (("plan-bin", json.dumps(plan).encode()), ("echo-bin", call["echo"][0]), ("echo", call["echo"][1]))
    method = getattr(channel, kind)(call["method"])
    started = (method if server_streams else method.future)(iter(asks) if client_streams else asks[0], metadata=metadata, timeout=TIMEOUT_S)
    got = []
    try:
        if server_streams:
            got.extend(started)
        else:
            got.append(started.result())
    except grpc.RpcError:
        pass  # the status is looked at below, whichever it is
    if (started.code().value[0], started.details()) != (plan["code"], plan["says"]):
        return f"{call['method']} {kind}: {started.code()} {started.details()!r}, want {plan['code']} {plan['says']!r}"
    if len(got) != len(plan["answers"]):
        return f"{call['method']} {kind}: {len(got)} messages of {len(plan['answers'])}"
    for i, (message, where) in enumerate(zip(got, plan["answers"]), 1):
        wrong = difference(message, where, f"{call['method']} {kind}: message {i}")
        if wrong is not None:
            return wrong
    first, last = dict(started.initial_metadata()), dict(started.trailing_metadata())
    seen = (first.get("echo-bin"), first.get("echo"), last.get("echo-bin"), last.get("count"))
    if seen != (call["echo"][0], call["echo"][1], call["echo"][0], str(len(asks))):
        return f"{call['method']} {kind}: metadata {seen}"
    return None


def run(target, count, seed, connections):
    rng = random.Random(seed)
    calls = [new_call(rng) for _ in range(count)]
    # Channels of equal options share a connection, unless each has a pool of its own.
    channels = [grpc.insecure_channel(target, OPTIONS + [("grpc.use_local_subchannel_pool", 1)]) for _ in range(connections)]
    lock = threading.Lock()
    queue = iter(enumerate(calls))

    def work(channel):
        while True:
            with lock:
                index, call = next(queue, (None, None))
            if call is None:
                return
            try:
                wrong = make(channel, call)
            except Exception as err:  # whatever it is, it belongs to this call
                wrong = repr(err)
            if wrong is not None:
                print(json.dumps({"error": f"call {index}: {wrong}"}), flush=True)

    with concurrent.futures.ThreadPoolExecutor(IN_FLIGHT) as threads:
        done = [threads.submit(work, channel) for channel in itertools.islice(itertools.cycle(channels), IN_FLIGHT)]
    for future in done:
        future.result()
    sent, received = (sum(length for call in calls for _, length in call["plan"][side]) for side in ("asks", "answers"))
    print(json.dumps({"calls": count, "sent": sent, "received": received}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "server":
        serve()
    else:
        run(sys.argv[2], *map(int, sys.argv[3:6]))
