import type { BindAddress } from "@tfs/rpc";
import type { Config } from "../config/index.ts";

/** Place is where clients come in. */
export interface Place {
  readonly address: BindAddress;
  /** secure: TLS is spoken here, if the gateway has a certificate. A unix socket has the mode of its file instead. */
  readonly secure: boolean;
}

/** placesOf gives the places where a gateway of this config listens: one or two, the port first. */
export function placesOf({ host, port, socket, socketMode, socketOnly }: Config): readonly Place[] {
  const places: Place[] = [];
  if (!socketOnly) places.push({ address: host === "" ? { port } : { port, host }, secure: true });
  if (socket !== "") places.push({ address: { path: socket, mode: socketMode }, secure: false });
  return places;
}
