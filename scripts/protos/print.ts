import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
  type FileDescriptorProto,
  FileOptions_OptimizeMode as OptimizeMode,
  type ServiceDescriptorProto,
} from "@bufbuild/protobuf/wkt";

/** Comments gives our own sentence for a full name ("tensorflow.serving.PredictRequest"), or undefined. */
export type Comments = (fullName: string) => string | undefined;

const scalars: Readonly<Partial<Record<Type, string>>> = {
  [Type.DOUBLE]: "double",
  [Type.FLOAT]: "float",
  [Type.INT64]: "int64",
  [Type.UINT64]: "uint64",
  [Type.INT32]: "int32",
  [Type.FIXED64]: "fixed64",
  [Type.FIXED32]: "fixed32",
  [Type.BOOL]: "bool",
  [Type.STRING]: "string",
  [Type.BYTES]: "bytes",
  [Type.UINT32]: "uint32",
  [Type.SFIXED32]: "sfixed32",
  [Type.SFIXED64]: "sfixed64",
  [Type.SINT32]: "sint32",
  [Type.SINT64]: "sint64",
};

/** The largest field number, which .proto text writes as `max` (protobuf language guide, "Assigning field numbers"). */
const maxFieldNumber = 536_870_911;
const maxEnumNumber = 2_147_483_647;

/**
 * printFile writes one descriptor as .proto text that compiles to the same descriptor. It throws on what it cannot say
 * (groups, editions, extensions, options it does not know): silence would lose facts.
 */
export function printFile(file: FileDescriptorProto, comments: Comments): string {
  if (file.syntax !== "proto3" && file.syntax !== "proto2" && file.syntax !== "") throw new Error(`${file.name}: syntax ${file.syntax}`);
  if (file.extension.length > 0) throw new Error(`${file.name}: file-level extensions`);
  const out: string[] = [];
  const p: Printer = { out, depth: 0, proto3: file.syntax === "proto3", comments };
  line(p, `syntax = "${p.proto3 ? "proto3" : "proto2"}";`);
  if (file.package !== "") blank(p, () => line(p, `package ${file.package};`));
  if (file.dependency.length > 0) {
    blank(p, () => {
      file.dependency.forEach((name, i) => {
        const kind = file.publicDependency.includes(i) ? "public " : file.weakDependency.includes(i) ? "weak " : "";
        line(p, `import ${kind}${quote(name)};`);
      });
    });
  }
  const options = fileOptions(file);
  if (options.length > 0)
    blank(p, () => {
      for (const o of options) line(p, o);
    });
  for (const e of file.enumType) blank(p, () => printEnum(p, e, file.package));
  for (const m of file.messageType) blank(p, () => printMessage(p, m, file.package));
  for (const s of file.service) blank(p, () => printService(p, s, file.package));
  return `${out.join("\n")}\n`;
}

interface Printer {
  readonly out: string[];
  depth: number;
  readonly proto3: boolean;
  readonly comments: Comments;
}

function line(p: Printer, text: string): void {
  p.out.push(text === "" ? "" : "  ".repeat(p.depth) + text);
}

function blank(p: Printer, print: () => void): void {
  line(p, "");
  print();
}

function block(p: Printer, head: string, body: () => void): void {
  const at = p.out.length;
  line(p, `${head} {`);
  p.depth++;
  body();
  p.depth--;
  if (p.out.length === at + 1) p.out[at] += "}";
  else line(p, "}");
}

/** Comment lines are wrapped at this many columns, indentation included. */
const commentColumns = 110;

function comment(p: Printer, fullName: string): void {
  const text = p.comments(fullName);
  if (text === undefined) return;
  let row = "//";
  for (const word of text.split(/\s+/)) {
    if (row.length + 1 + word.length > commentColumns - 2 * p.depth) {
      line(p, row);
      row = "//";
    }
    row += ` ${word}`;
  }
  line(p, row);
}

function printService(p: Printer, service: ServiceDescriptorProto, scope: string): void {
  known(service.options, service.name, ["deprecated"]);
  const name = `${scope}.${service.name}`;
  comment(p, name);
  block(p, `service ${service.name}`, () => {
    for (const m of service.method) {
      known(m.options, m.name, []);
      comment(p, `${name}.${m.name}`);
      line(p, `rpc ${m.name}(${m.clientStreaming ? "stream " : ""}${m.inputType}) returns (${m.serverStreaming ? "stream " : ""}${m.outputType});`);
    }
  });
}

function printMessage(p: Printer, m: DescriptorProto, scope: string): void {
  if (m.extension.length > 0) throw new Error(`${scope}.${m.name}: nested extensions`);
  known(m.options, m.name, ["deprecated", "mapEntry"]);
  const name = scope === "" ? m.name : `${scope}.${m.name}`;
  comment(p, name);
  block(p, `message ${m.name}`, () => {
    if (m.options?.deprecated === true) line(p, "option deprecated = true;");
    printReserved(p, m.reservedRange, m.reservedName, maxFieldNumber, 1);
    for (const r of m.extensionRange) line(p, `extensions ${range(r.start, r.end - 1, maxFieldNumber)};`);
    for (const e of m.enumType) printEnum(p, e, name);
    for (const n of m.nestedType) if (n.options?.mapEntry !== true) printMessage(p, n, name);
    const done = new Set<number>();
    for (const f of m.field) {
      const group = oneofOf(f);
      if (group === undefined) {
        printField(p, f, m, false);
      } else if (!done.has(group)) {
        done.add(group);
        block(p, `oneof ${m.oneofDecl[group]?.name}`, () => {
          for (const g of m.field) if (oneofOf(g) === group) printField(p, g, m, true);
        });
      }
    }
  });
}

/** oneofOf gives the index of a real oneof; proto3 `optional` is a one-member oneof that the text does not show. */
function oneofOf(f: FieldDescriptorProto): number | undefined {
  return Object.hasOwn(f, "oneofIndex") && !f.proto3Optional ? f.oneofIndex : undefined;
}

function printField(p: Printer, f: FieldDescriptorProto, m: DescriptorProto, inOneof: boolean): void {
  if (f.type === Type.GROUP) throw new Error(`${m.name}.${f.name}: groups`);
  const entry = m.nestedType.find((n) => n.options?.mapEntry === true && f.typeName.endsWith(`.${m.name}.${n.name}`));
  if (entry !== undefined) {
    const [key, value] = entry.field;
    if (key === undefined || value === undefined) throw new Error(`${m.name}.${f.name}: map entry without key or value`);
    line(p, `map<${typeName(key)}, ${typeName(value)}> ${f.name} = ${f.number}${fieldOptions(f)};`);
    return;
  }
  let label = "";
  if (f.label === Label.REPEATED) label = "repeated ";
  else if (f.label === Label.REQUIRED) label = "required ";
  else if (f.proto3Optional || (!p.proto3 && !inOneof)) label = "optional ";
  line(p, `${label}${typeName(f)} ${f.name} = ${f.number}${fieldOptions(f)};`);
}

function typeName(f: FieldDescriptorProto): string {
  return scalars[f.type] ?? (f.typeName.startsWith(".") ? f.typeName : `.${f.typeName}`);
}

function fieldOptions(f: FieldDescriptorProto): string {
  known(f.options, f.name, ["packed", "deprecated", "ctype", "jstype", "lazy"]);
  const options: string[] = [];
  if (f.defaultValue !== "") options.push(`default = ${f.type === Type.STRING || f.type === Type.BYTES ? quote(f.defaultValue) : f.defaultValue}`);
  const o = f.options;
  if (o !== undefined) {
    if (Object.hasOwn(o, "packed")) options.push(`packed = ${o.packed}`);
    if (Object.hasOwn(o, "deprecated")) options.push(`deprecated = ${o.deprecated}`);
    if (Object.hasOwn(o, "ctype")) options.push(`ctype = ${["STRING", "CORD", "STRING_PIECE"][o.ctype]}`);
    if (Object.hasOwn(o, "jstype")) options.push(`jstype = ${["JS_NORMAL", "JS_STRING", "JS_NUMBER"][o.jstype]}`);
    if (Object.hasOwn(o, "lazy")) options.push(`lazy = ${o.lazy}`);
  }
  if (f.jsonName !== "" && f.jsonName !== camel(f.name)) options.push(`json_name = ${quote(f.jsonName)}`);
  return options.length > 0 ? ` [${options.join(", ")}]` : "";
}

/** camel is protoc's own rule for a field's JSON name: drop each underscore and upper-case what follows it. */
function camel(name: string): string {
  return name.replace(/_+(.?)/g, (_, c: string) => c.toUpperCase());
}

function printEnum(p: Printer, e: EnumDescriptorProto, scope: string): void {
  known(e.options, e.name, ["allowAlias", "deprecated"]);
  comment(p, scope === "" ? e.name : `${scope}.${e.name}`);
  block(p, `enum ${e.name}`, () => {
    if (e.options?.allowAlias === true) line(p, "option allow_alias = true;");
    if (e.options?.deprecated === true) line(p, "option deprecated = true;");
    printReserved(p, e.reservedRange, e.reservedName, maxEnumNumber, 0);
    for (const v of e.value) {
      known(v.options, v.name, ["deprecated"]);
      line(p, `${v.name} = ${v.number}${v.options?.deprecated === true ? " [deprecated = true]" : ""};`);
    }
  });
}

/** A message's reserved range ends one past its last number, an enum's at it (descriptor.proto); `past` is that one or zero. */
function printReserved(p: Printer, ranges: readonly { start: number; end: number }[], names: readonly string[], max: number, past: number): void {
  if (ranges.length > 0) line(p, `reserved ${ranges.map((r) => range(r.start, r.end - past, max)).join(", ")};`);
  if (names.length > 0) line(p, `reserved ${names.map(quote).join(", ")};`);
}

function range(first: number, last: number, max: number): string {
  if (first === last) return `${first}`;
  return `${first} to ${last >= max ? "max" : last}`;
}

function fileOptions(file: FileDescriptorProto): string[] {
  const o = file.options;
  if (o === undefined) return [];
  known(o, file.name, ["ccEnableArenas", "goPackage", "javaPackage", "javaOuterClassname", "javaMultipleFiles", "ccGenericServices", "optimizeFor"]);
  const options: string[] = [];
  if (Object.hasOwn(o, "ccEnableArenas")) options.push(`cc_enable_arenas = ${o.ccEnableArenas}`);
  if (Object.hasOwn(o, "goPackage")) options.push(`go_package = ${quote(o.goPackage)}`);
  if (Object.hasOwn(o, "javaPackage")) options.push(`java_package = ${quote(o.javaPackage)}`);
  if (Object.hasOwn(o, "javaOuterClassname")) options.push(`java_outer_classname = ${quote(o.javaOuterClassname)}`);
  if (Object.hasOwn(o, "javaMultipleFiles")) options.push(`java_multiple_files = ${o.javaMultipleFiles}`);
  if (Object.hasOwn(o, "ccGenericServices")) options.push(`cc_generic_services = ${o.ccGenericServices}`);
  if (Object.hasOwn(o, "optimizeFor")) options.push(`optimize_for = ${OptimizeMode[o.optimizeFor]}`);
  return options.map((text) => `option ${text};`);
}

/** known throws if an options message says something that its printer above would drop. */
function known(options: object | undefined, name: string, fields: readonly string[]): void {
  if (options === undefined) return;
  const custom = (options as { readonly $unknown?: readonly { readonly no: number }[] }).$unknown ?? [];
  if (custom.length > 0) throw new Error(`${name}: custom option ${custom.map((u) => u.no).join(", ")}`);
  for (const [key, value] of Object.entries(options)) {
    if (key.startsWith("$") || fields.includes(key) || (Array.isArray(value) && value.length === 0)) continue;
    throw new Error(`${name}: option ${key}`);
  }
}

function quote(text: string): string {
  return JSON.stringify(text);
}
