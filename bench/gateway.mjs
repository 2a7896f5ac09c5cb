// npm run bench -- gateway: the gateway beside other proxies. README.md says what is measured; gateway/ holds the harness.
import { main } from "./gateway/main.ts";

process.exitCode = await main(process.argv.slice(2));
