// What is used here of WebAssembly's JavaScript interface, whose types TypeScript has among those of browsers only.
// biome-ignore lint/style/noNamespace: that is what it is in JavaScript
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Memory {
    constructor(size: { readonly initial: number; readonly maximum: number; readonly shared: boolean });
    readonly buffer: ArrayBuffer;
    grow(pages: number): number;
  }
  class Instance {
    constructor(module: Module, imports: { readonly env: { readonly memory: Memory } });
    readonly exports: unknown;
  }
  function validate(bytes: Uint8Array): boolean;
}
