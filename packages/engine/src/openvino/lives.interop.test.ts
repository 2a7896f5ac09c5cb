import { describeLives } from "../testing/index.ts";
import { libraryDir } from "./testing/index.ts";

describeLives({ main: new URL("testing/main.js", import.meta.url), dir: libraryDir(), slackBytes: { numbers: 8 * 2 ** 20, failures: 8 * 2 ** 20 } });
