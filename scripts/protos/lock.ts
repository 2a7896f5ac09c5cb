import type { DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto } from "@bufbuild/protobuf/wkt";

/**
 * lockOf says what a set of descriptors means, one fact a line, sorted: two sets that differ only in the order of declarations, in
 * comments or in JSON names that follow the rule have one lock. It is what the fidelity test compares and what a reviewer reads in a diff.
 */
export function lockOf(files: readonly FileDescriptorProto[]): string {
  const facts: string[] = [];
  for (const file of files) {
    const say = (fact: string): void => {
      facts.push(`${file.name} ${fact}`);
    };
    say(`file ${file.syntax || "proto2"} package=${file.package}`);
    file.dependency.forEach((name, i) => {
      say(`import ${name}${file.publicDependency.includes(i) ? " public" : ""}`);
    });
    const o = file.options;
    if (o !== undefined) for (const [key, value] of Object.entries(o)) if (!key.startsWith("$") && !Array.isArray(value)) say(`option ${key}=${String(value)}`);
    for (const e of file.enumType) enumFacts(say, e, file.package);
    for (const m of file.messageType) messageFacts(say, m, file.package);
    for (const s of file.service) {
      for (const m of s.method) {
        const stream = `${m.clientStreaming ? "stream " : ""}${m.inputType} -> ${m.serverStreaming ? "stream " : ""}${m.outputType}`;
        say(`rpc ${file.package}.${s.name}.${m.name} ${stream}`);
      }
    }
  }
  return `${facts.sort().join("\n")}\n`;
}

type Say = (fact: string) => void;

function messageFacts(say: Say, m: DescriptorProto, scope: string): void {
  const name = `${scope}.${m.name}`;
  say(`message ${name}${m.options?.mapEntry === true ? " map_entry" : ""}${m.options?.deprecated === true ? " deprecated" : ""}`);
  for (const f of m.field) say(`field ${name}.${f.name} ${fieldFacts(f, m)}`);
  for (const r of m.reservedRange) say(`reserved ${name} ${r.start}..${r.end - 1}`);
  for (const r of m.reservedName) say(`reserved ${name} ${r}`);
  for (const r of m.extensionRange) say(`extensions ${name} ${r.start}..${r.end - 1}`);
  for (const e of m.enumType) enumFacts(say, e, name);
  for (const n of m.nestedType) messageFacts(say, n, name);
}

function fieldFacts(f: FieldDescriptorProto, m: DescriptorProto): string {
  const facts = [`${f.number}`, `label=${f.label}`, `type=${f.type}${f.typeName === "" ? "" : `:${f.typeName}`}`];
  if (f.proto3Optional) facts.push("optional");
  else if (Object.hasOwn(f, "oneofIndex")) facts.push(`oneof=${m.oneofDecl[f.oneofIndex]?.name}`);
  if (f.defaultValue !== "") facts.push(`default=${f.defaultValue}`);
  if (f.options !== undefined)
    for (const [key, value] of Object.entries(f.options)) if (!key.startsWith("$") && !Array.isArray(value)) facts.push(`${key}=${String(value)}`);
  return facts.join(" ");
}

function enumFacts(say: Say, e: EnumDescriptorProto, scope: string): void {
  const name = `${scope}.${e.name}`;
  say(`enum ${name}${e.options?.allowAlias === true ? " allow_alias" : ""}`);
  for (const v of e.value) say(`value ${name}.${v.name} ${v.number}${v.options?.deprecated === true ? " deprecated" : ""}`);
  for (const r of e.reservedRange) say(`reserved ${name} ${r.start}..${r.end}`);
  for (const r of e.reservedName) say(`reserved ${name} ${r}`);
}
