import { Code, newError } from "@tfs/std";

/** Machine is what decides which wheels run on a computer. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
  /** glibc is its version; undefined where the C library is another one (musl). */
  readonly glibc: string | undefined;
}

export function thisMachine(): Machine {
  const { header } = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return { platform: process.platform, arch: process.arch, glibc: header.glibcVersionRuntime };
}

const architectures: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "aarch64" };
/** The oldest that wheels are named after this way (PEP 600). */
const oldest = 17;

/** tagsFor gives the names of the platforms that this machine can run wheels of, the newest first (PEP 600). Throws Unimplemented. */
export function tagsFor({ platform, arch, glibc }: Machine): readonly string[] {
  if (platform !== "linux") throw newError(Code.Unimplemented, `native engines are known to work on Linux only, not on ${platform}`);
  const architecture = architectures[arch];
  if (architecture === undefined)
    throw newError(Code.Unimplemented, `there are no libraries for processors of kind ${arch}: only for ${Object.keys(architectures).join(" and ")}`);
  const minor = Number(/^2\.(\d+)/.exec(glibc ?? "")?.[1]);
  if (Number.isNaN(minor)) throw newError(Code.Unimplemented, "the libraries are made for glibc, and this system has another C library (Alpine has musl)");
  const tags: string[] = [];
  for (let i = minor; i >= oldest; i--) tags.push(`manylinux_2_${i}_${architecture}`);
  return [...tags, `manylinux2014_${architecture}`];
}
