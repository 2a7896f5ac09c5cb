// Talks to the fleet that `npm start` leaves running: node examples/quickstart/main.ts [TARGET]
import { isTfsError, newClient } from "@tfs/sdk";

await using client = newClient({ target: process.argv[2] ?? "localhost:9000" });

try {
  const { outputs, model } = await client.predict({ model: "half_plus_two", inputs: { x: [1, 2, 5] } }, { timeoutMs: 500 });
  console.log(`${model.name} version ${model.version}:`, outputs["y"]?.toArray());

  const { signatures } = await client.metadata({ model: "digits" });
  console.log("digits takes", signatures["serving_default"]?.inputs);

  for (const { version, state } of await client.status({ model: "text" })) console.log(`text version ${version} is ${state}`);
} catch (err) {
  if (!isTfsError(err)) throw err;
  console.error(`${err.codeName}: ${err.message}${err.hint === undefined ? "" : ` (${err.hint})`}`);
  process.exitCode = 1;
}
