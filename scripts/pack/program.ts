// What a user's first program looks like; installed from tarballs, type-checked and run by `npm run check:packages`. Nobody listens at this target.
import { isTfsError, newClient } from "@tfs/sdk";

await using client = newClient({ target: "127.0.0.1:1", timeoutMs: 5_000 });
try {
  const { outputs, model } = await client.predict({ model: "half_plus_two", inputs: { x: new Float32Array([1, 2, 5]) } });
  const y: readonly number[] | undefined = outputs["y"]?.shape;
  console.log(model.version, y);
  process.exitCode = 1; // somebody does listen there
} catch (err) {
  if (!isTfsError(err) || err.codeName !== "UNAVAILABLE") throw err;
  console.log(`${err.codeName} after ${err.attempts} attempt: ${err.hint}`);
}
