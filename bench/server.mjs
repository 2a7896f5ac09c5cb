// npm run bench -- server: what the model server itself takes, besides the model. README.md says what is measured; server/ holds the harness.
import { main } from "./server/main.ts";

process.exitCode = await main(process.argv.slice(2));
