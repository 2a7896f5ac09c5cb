// A server as people write it by hand in Python: grpcio, TensorFlow, and the published messages.
import { join } from "node:path";
import { freePorts, start, untilListening } from "../../gateway/process.ts";
import { tfServing } from "./dialect.ts";
import { aloneInPython, cores, here, modelsDir, type Peer, pythonOf, startMs } from "./peer.ts";

const python = pythonOf("venv");

export const grpcio: Peer = {
  name: "grpcio",
  title: "grpcio over TensorFlow",
  needs: python,
  dialect: tfServing,
  async start() {
    const [port] = await freePorts(1);
    const running = start([python, join(here, "grpcio_server.py"), `${port}`, modelsDir], { cores });
    await untilListening(running, port!, startMs);
    return { running, grpc: `127.0.0.1:${port}`, rest: undefined };
  },
  alone: aloneInPython(python, "tensorflow"),
};
