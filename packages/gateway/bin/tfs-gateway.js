#!/usr/bin/env node
// Committed, because npm links a bin before anything is built. ES5 up to the check, so that an old Node can read it and say so.
var version = process.versions.node.split(".").map(Number);
if (version[0] < 22 || (version[0] === 22 && version[1] < 20)) {
  console.error("tfs-gateway needs Node 22.20 or newer; this is Node " + process.versions.node + ".");
  console.error("In a checkout of the project, use: npx tfs-gateway");
  process.exit(1);
}
import("../dist/main.js");
