// What is used here of WebAssembly's JavaScript interface, whose types TypeScript has among those of browsers only.
// biome-ignore lint/style/noNamespace: that is what it is in JavaScript
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Instance {
    constructor(module: Module);
    readonly exports: unknown;
  }
  function validate(bytes: Uint8Array): boolean;
}
