// usage: node scripts/tools/build_tfjs.mjs FOLDER gpu|cpu TENSORFLOW_DIR — builds the addon of the package that FOLDER's node_modules has.
import { buildTfjs } from "@tfs/engine/all";
import { background } from "@tfs/std";

const [folder, kind, tensorflowDir] = process.argv.slice(2);
await buildTfjs(background(), { from: [folder], package: kind, tensorflowDir, say: (line) => console.log(`  ${line}`) });
