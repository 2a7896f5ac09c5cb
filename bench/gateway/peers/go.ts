// The proxies that one would write in Go. Their settings are in their source, ../../go/forward and ../../go/rest.
import { paths } from "../tools.ts";
import type { Peer } from "./peer.ts";

export const go: Peer = {
  name: "go",
  title: "grpc-go, raw bytes",
  needs: "forward",
  command: ({ port, backends, workers }) => ({
    command: [paths.forward, `-listen=127.0.0.1:${port}`, `-backends=${backends.join(",")}`, `-workers=${workers}`],
  }),
};

/** goShared copies nothing; grpc-go can do so since 1.66, and it matters for large messages. */
export const goShared: Peer = {
  name: "go-shared",
  title: "grpc-go, shared buffers",
  needs: "forward",
  command: (setting) => ({ command: [...go.command(setting).command, "-share"] }),
};

export const gin: Peer = {
  name: "gin",
  title: "gin + encoding/json + grpc-go",
  needs: "rest",
  command: ({ port, backends, workers }) => ({
    command: [paths.rest, `-listen=127.0.0.1:${port}`, `-backends=${backends.join(",")}`, `-workers=${workers}`],
  }),
};
