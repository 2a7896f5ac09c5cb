import { chmod, lstat, unlink } from "node:fs/promises";
import { connect, type ListenOptions, type Server } from "node:net";
import { dirname } from "node:path";
import { Code, type Ctx, newError, race } from "@tfs/std";
import { type Address, formatAddress } from "./address.ts";

/**
 * BindAddress is where to listen. Without a host it is every address of the machine: IPv6 any, IPv4 any where there is no IPv6. Port 0 picks a free one. A
 * unix socket's `mode` says who may connect (write permission); without one the process's umask does.
 */
export type BindAddress = { readonly host?: string; readonly port: number } | { readonly path: string; readonly mode?: number };

/** Connections the kernel holds before we accept them. */
const backlog = 1024;

/** bind starts listening and gives the address it got. A unix socket whose owner is gone is replaced, any other file stays. Throws Unavailable, PermissionDenied, NotFound or InvalidArgument naming the address. */
export async function bind(ctx: Ctx, server: Server, address: BindAddress): Promise<Address> {
  const options: ListenOptions = "path" in address ? { path: address.path, backlog } : { ...address, backlog };
  try {
    await race(ctx, listening(server, options));
  } catch (err) {
    if (!("path" in address) || errnoOf(err) !== "EADDRINUSE" || !(await isDead(address.path))) throw await bindFailure(address, err);
    await unlink(address.path);
    await race(ctx, listening(server, options)).catch(async (again: unknown) => {
      throw await bindFailure(address, again);
    });
  }
  if ("path" in address && address.mode !== undefined) await chmod(address.path, address.mode);
  const bound = server.address();
  if (bound === null) throw new Error("a listening server has no address");
  return typeof bound === "string" ? { path: bound } : { host: bound.address, port: bound.port };
}

function listening(server: Server, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (err?: Error): void => {
      server.removeListener("error", settle);
      server.removeListener("listening", settle);
      if (err === undefined) resolve();
      else reject(err);
    };
    server.on("error", settle);
    server.on("listening", settle);
    server.listen(options);
  });
}

/** isDead tells whether a path is a unix socket on which nobody accepts connections any more. */
async function isDead(path: string): Promise<boolean> {
  return (await lstat(path)).isSocket() && !(await answers(path));
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (alive: boolean) => () => {
      socket.destroy();
      resolve(alive);
    };
    socket.on("connect", settle(true));
    socket.on("error", settle(false));
  });
}

async function bindFailure(address: BindAddress, err: unknown): Promise<unknown> {
  const where = "path" in address ? formatAddress(address) : formatAddress({ host: address.host ?? "*", port: address.port });
  switch (errnoOf(err)) {
    case "EADDRINUSE":
      return newError(Code.Unavailable, `cannot listen on ${where}: address already in use`, err);
    case "EACCES":
      if ("path" in address && !(await isThere(dirname(address.path))))
        return newError(Code.NotFound, `cannot listen on ${where}: its folder does not exist`, err);
      return newError(Code.PermissionDenied, `cannot listen on ${where}: permission denied`, err);
    case undefined:
      return err; // not the system's: ctx ended
    default:
      return newError(Code.InvalidArgument, `cannot listen on ${where}: ${errnoOf(err)}`, err);
  }
}

/** isThere tells whether there is a folder: libuv gives EACCES for a unix socket in one that is missing. */
async function isThere(folder: string): Promise<boolean> {
  try {
    await lstat(folder);
    return true;
  } catch (err) {
    return errnoOf(err) !== "ENOENT";
  }
}

function errnoOf(err: unknown): string | undefined {
  return err instanceof Error && "code" in err && typeof err.code === "string" ? err.code : undefined;
}
