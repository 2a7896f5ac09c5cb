#!/usr/bin/env node
// Committed, because npm links a bin before anything is built. ES5 up to the check, so that an old Node can read it and say so.
var version = process.versions.node.split(".").map(Number);
if (version[0] < 22 || (version[0] === 22 && version[1] < 20)) {
  console.error("tfs-server needs Node 22.20 or newer; this is Node " + process.versions.node + ".");
  console.error("In a checkout of the project, use: npx tfs-server");
  process.exit(1);
}
// One file starts faster than many. In a checkout it may be older than what was built last: then the many are run.
Promise.all([import("node:fs"), import("node:module"), import("node:os")]).then(([fs, module, os]) => {
  // Native engines run on the threads that files and names need too. Node makes them when the first is needed, and reads then how many.
  process.env.UV_THREADPOOL_SIZE = process.env.UV_THREADPOOL_SIZE || String(Math.max(16, 4 * os.availableParallelism()));
  module.enableCompileCache(); // what V8 made of the code stays on disk for the next start, where Node keeps such things
  var packages = new URL("../../", import.meta.url);
  function time(path) {
    var found = fs.statSync(new URL(path, packages), { throwIfNoEntry: false });
    return found === undefined ? 0 : found.mtimeMs;
  }
  var part = process.argv[2] === "engine-child" ? "child/" : "";
  var whole = time("server/dist/" + part + "bin.mjs");
  var fresh = fs.readdirSync(packages).every((name) => time(name + "/dist/.tsbuildinfo") <= whole);
  return import("../dist/" + part + (whole > 0 && fresh ? "bin.mjs" : "main.js"));
});
