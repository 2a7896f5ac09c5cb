// The native boundary, first half: finding koffi, and the few calls into the C library that every engine needs. Addresses are unchecked.
import { Code, newError } from "@tfs/std";

/** Koffi is the package that calls C. */
export type Koffi = typeof import("koffi");

/** Pointer is an address of native memory; 0n is none. Nothing checks it: a wrong one ends the process. */
export type Pointer = bigint;

/** Libc is what native engines need of the C library. */
export interface Libc {
  readonly koffi: Koffi;
  /**
   * pin loads a shared library for good and makes its symbols visible to those that follow. What starts threads and registers exit handlers must
   * not be unloaded: without this the process ends in a segmentation fault, because koffi closes what it opened. Throws Unavailable.
   */
  pin(path: string): void;
  /** malloc gives `bytes` of memory, at least one. Throws ResourceExhausted. Whoever asks frees. */
  malloc(bytes: number): Pointer;
  free(at: Pointer): void;
  /** copyIn copies all of `from` to native memory. */
  copyIn(to: Pointer, from: Uint8Array): void;
  /** copyOut fills `to` from native memory. */
  copyOut(to: Uint8Array, from: Pointer): void;
}

/** dlopen's flags on Linux: RTLD_LAZY, RTLD_GLOBAL, RTLD_NODELETE (bits/dlfcn.h). */
const pinned = 0x1 | 0x100 | 0x1000;

/**
 * What a thread has for its stack by default. koffi runs native code on stacks of its own, and gives a call on a thread 128 KiB unless told otherwise: a
 * graph with functions in functions, or a kernel that puts its scratch on the stack, would end the process.
 */
const stackBytes = 8 * 1024 * 1024;

let opened: Promise<Libc> | undefined;

/** openLibc loads koffi, once in a process. Throws Unavailable where it is not installed or the platform is another than Linux. */
export function openLibc(): Promise<Libc> {
  opened ??= open();
  return opened;
}

async function open(): Promise<Libc> {
  if (process.platform !== "linux") throw newError(Code.Unavailable, `native engines are known to work on Linux only, not on ${process.platform}`);
  let koffi: Koffi;
  try {
    const module: unknown = await import("koffi"); // its types do not tell of the default export
    koffi = (module as { readonly default: Koffi }).default;
  } catch (err) {
    throw newError(Code.Unavailable, "the package koffi, which calls native libraries, is not installed for this platform", err);
  }
  koffi.config({ sync_stack_size: stackBytes, async_stack_size: stackBytes }); // address space; pages come as they are used
  const libc = koffi.load(null); // what the process itself is linked with, be it glibc or musl
  const dlopen = libc.func("void* dlopen(const char* path, int flags)");
  const dlerror = libc.func("const char* dlerror()");
  const malloc = libc.func("void* malloc(size_t bytes)");
  const free = libc.func("void free(void* at)");
  const memcpyIn = libc.func("memcpy", "void", ["void*", koffi.pointer("void"), "size_t"]);
  const memcpyOut = libc.func("memcpy", "void", [koffi.pointer("void"), "void*", "size_t"]);
  return {
    koffi,
    pin(path) {
      if (!dlopen(path, pinned)) throw newError(Code.Unavailable, `the library ${path} does not load`, newError(Code.Unavailable, String(dlerror())));
    },
    malloc(bytes) {
      const at = malloc(Math.max(1, bytes)) as Pointer | null;
      if (at === null || at === 0n) throw newError(Code.ResourceExhausted, `there is no memory for ${bytes} bytes`);
      return at;
    },
    free: (at) => void free(at),
    copyIn: (to, from) => void (from.byteLength > 0 && memcpyIn(to, from, from.byteLength)),
    copyOut: (to, from) => void (to.byteLength > 0 && memcpyOut(to, from, to.byteLength)),
  };
}
