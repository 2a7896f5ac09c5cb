import { describeLives } from "../testing/index.ts";
import { libraryDir } from "./testing/index.ts";

const calls = process.env["TFS_SHORT"] === "1" ? 1000 : 10_000;
const slackBytes = { numbers: 8 * 2 ** 20, failures: 8 * 2 ** 20, strings: 8 * 2 ** 20 };
describeLives({ main: new URL("testing/main.js", import.meta.url), dir: libraryDir(), calls, slackBytes });
