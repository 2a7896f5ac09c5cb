import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { fromText } from "@bufbuild/protobuf/txtpb";
import { ModelServerConfigSchema, ModelSpecSchema, PredictRequestSchema, PredictResponseSchema, ReloadConfigRequestSchema } from "@tfs/proto";
import { type Channel, newChannel } from "@tfs/rpc";
import { background, Code, codeOf, sleep, systemClock, withTimeout } from "@tfs/std";
import { DType, fromMessage, newTensor } from "@tfs/tensor";
import { newRandom, scratch, serve, silent, writeModel } from "./testing/index.ts";

// Versions appear, vanish, are torn, renamed and labelled anew, and the configuration is reloaded again and again, under a steady stream of calls of which every
// answer is looked at: which version gave it, and whether it was one that the call could mean. TFS_SHORT makes it 100 reloads instead of 1,000.
const reloads = process.env["TFS_SHORT"] === "1" ? 100 : 1000;
const perSecond = 600; // asked for are 500
const seed = Number(process.env["TFS_SEED"] ?? 20261127);

const dir = scratch();
after(() => dir[Symbol.dispose]());
const clock = systemClock();
const random = newRandom(seed);
const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;

/** A version of these models answers with its own number. */
function publish(model: string, version: number): void {
  const signature = { method: "tensorflow/serving/predict", inputs: {}, outputs: { version: "version" } };
  const base = join(dir.path, model);
  const aside = join(dir.path, `${model}.new`);
  writeModel(aside, { version: newTensor(DType.Double, [], Float64Array.of(version)) }, { serving_default: signature }, String(version));
  mkdirSync(base, { recursive: true });
  rmSync(join(base, String(version)), { recursive: true, force: true });
  renameSync(join(aside, String(version)), join(base, String(version)));
}

type Choice = { readonly version: number } | { readonly label: string } | undefined;
interface Answered {
  readonly model: string;
  readonly choice: Choice;
  readonly version: number;
}

async function ask(channel: Channel, model: string, choice: Choice): Promise<Answered> {
  const spec = create(ModelSpecSchema, { name: model });
  if (choice !== undefined && "version" in choice)
    spec.versionChoice = { case: "version", value: { $typeName: "google.protobuf.Int64Value", value: BigInt(choice.version) } };
  if (choice !== undefined && "label" in choice) spec.versionChoice = { case: "versionLabel", value: choice.label };
  using ctx = withTimeout(background(), 30_000);
  const request = toBinary(PredictRequestSchema, create(PredictRequestSchema, { modelSpec: spec }));
  const { message } = await channel.unary(ctx, "/tensorflow.serving.PredictionService/Predict", request);
  const { modelSpec, outputs } = fromBinary(PredictResponseSchema, message);
  const [value] = fromMessage(outputs["version"]!).data as Float64Array;
  assert.ok(modelSpec?.versionChoice.case === "version", "an answer names its version");
  assert.equal(modelSpec.versionChoice.value.value, BigInt(value!), `${model} says that another version computed this`);
  return { model, choice, version: value! };
}

test(`${reloads} reloads under ${perSecond} calls a second lose no call, and answer none from a version that it does not mean (seed ${seed})`, async (t) => {
  // steady always has versions 1 and 2 and gets others; flux comes and goes; torn is never whole.
  publish("steady", 1);
  publish("steady", 2);
  publish("flux", 1);
  mkdirSync(join(dir.path, "torn"));
  const model = (name: string, more = "") => `config { name: "${name}" base_path: "${join(dir.path, name)}" model_platform: "tensorflow" ${more} }`;
  const all = "model_version_policy { all { } }";
  await using served = await serve([{ name: "steady", basePath: join(dir.path, "steady"), policy: { kind: "all" } }], {
    pollMs: 50,
    tuning: { retries: 2, retryMs: 10, loads: 2 },
  });
  await using channel = newChannel({ address: served.started.grpc[0]!, clock, logger: silent });

  /** labels are what the last accepted configuration says, and the one before while a change is under way. */
  let labels: Record<string, readonly number[]> = {};
  /** labelled: the first configuration with a label has been accepted. */
  let labelled = false;
  let asked = 0;
  let gone = 0;
  const wrong: string[] = [];
  const calls = new Set<Promise<void>>();
  const begin = (name: string, choice: Choice, mayBeGone: boolean): void => {
    const may = choice === undefined ? undefined : "version" in choice ? [choice.version] : labels[choice.label];
    const what = `${name} ${choice === undefined ? "" : Object.values(choice).join("")}`;
    asked++;
    const call = ask(channel, name, choice).then(
      ({ version }) => {
        const now = choice !== undefined && "label" in choice ? [...(may ?? []), ...(labels[choice.label] ?? [])] : may;
        if (now !== undefined && !now.includes(version)) wrong.push(`${what} was answered by version ${version}, not ${now.join(" or ")}`);
      },
      (err: unknown) => {
        if (mayBeGone && (codeOf(err) === Code.NotFound || codeOf(err) === Code.InvalidArgument)) gone++;
        else wrong.push(`${what} failed: ${String(err)}`);
      },
    );
    calls.add(call);
    void call.finally(() => calls.delete(call));
  };

  let over = false;
  const load = async (): Promise<void> => {
    const started = clock.now();
    let sent = 0;
    while (!over) {
      for (; sent < ((clock.now() - started) * perSecond) / 1000; sent++) {
        const turn = sent % 5;
        if (turn === 0) begin("steady", undefined, false);
        else if (turn === 1) begin("steady", { version: 1 + (sent % 2) }, false);
        else if (turn === 2) begin("steady", { label: "prod" }, !labelled);
        else if (turn === 3) begin("steady", { version: 3 + (sent % 7) }, true);
        else begin("flux", pick([undefined, { version: 1 }, { version: 2 }]), true);
      }
      await sleep(clock, 2);
    }
  };
  const reload = async (prod: number, more: readonly string[]): Promise<void> => {
    const config = [model("steady", `${all} version_labels { key: "prod" value: ${prod} }`), ...more].join(" ");
    const request = create(ReloadConfigRequestSchema, { config: fromText(ModelServerConfigSchema, `model_config_list { ${config} }`) });
    labels = { prod: [...(labels["prod"] ?? [prod]).slice(-1), prod] };
    using ctx = withTimeout(background(), 30_000);
    try {
      await channel.unary(ctx, "/tensorflow.serving.ModelService/HandleReloadConfigRequest", toBinary(ReloadConfigRequestSchema, request));
    } catch (err) {
      if (codeOf(err) !== Code.Unknown) throw err; // a new model that does not become available is said so; all else is in force
    }
    labels = { prod: [prod] };
    labelled = true;
  };

  const loading = load();
  for (let i = 0; i < reloads; i++) {
    const extra = 3 + (i % 7);
    const deed = Math.floor(random() * 7);
    if (deed === 0) publish("steady", extra);
    else if (deed === 1) rmSync(join(dir.path, "steady", String(extra)), { recursive: true, force: true });
    else if (deed === 2) writeTorn("torn", extra);
    else if (deed === 3) writeTorn("steady", 100 + i);
    else if (deed === 4) rename("steady", extra);
    else if (deed === 5) publish("flux", 2);
    else rmSync(join(dir.path, "flux", "2"), { recursive: true, force: true });
    await reload(1 + Math.floor(random() * 2), pick([[], [model("flux")], [model("flux", all)], [model("flux"), model("torn")]]));
    if (i % 10 === 0) await sleep(clock, 60); // let the source look as well
  }
  over = true;
  await loading;
  await Promise.all(calls);
  t.diagnostic(`measured: ${reloads} reloads, ${asked} calls, ${gone} of them for versions that were gone, ${wrong.length} wrong`);
  assert.deepEqual(wrong.slice(0, 5), []);
  assert.ok(gone < asked / 2 && asked > reloads, `${asked} calls, ${gone} gone`);
});

function writeTorn(name: string, version: number): void {
  const path = join(dir.path, name, String(version));
  rmSync(path, { recursive: true, force: true });
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "saved_model.pb"), "torn");
  truncateSync(join(path, "saved_model.pb"), Math.floor(random() * 4));
}

function rename(name: string, version: number): void {
  const path = join(dir.path, name, String(version));
  try {
    renameSync(path, `${path}.denied`);
    rmSync(`${path}.denied`, { recursive: true });
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== "ENOENT") throw err;
  }
}
