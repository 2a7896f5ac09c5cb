import { create, type DescFile, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from "@tfs/proto/gen/grpc/reflection/v1/reflection_pb.js";
import { Code } from "@tfs/std";
import type { Descriptors } from "../descriptors/index.ts";

/** Answerer answers the questions of all streams; each stream says what it has had. */
export interface Answerer {
  /** answer gives the response to one request, and adds to `had` the names of the files in it. */
  answer(request: ServerReflectionRequest, had: Set<string>): ServerReflectionResponse;
}

type Response = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]>;

export interface AnswererOptions {
  readonly descriptors: Descriptors;
  /** services gives the full names of those that are told to be there; default all that are described. */
  readonly services?: () => readonly string[];
}

/** newAnswerer answers from descriptors. Each file is serialised once. */
export function newAnswerer({ descriptors, services = () => descriptors.services() }: AnswererOptions): Answerer {
  const printed = new Map<DescFile, Uint8Array>();

  function print(file: DescFile): Uint8Array {
    let bytes = printed.get(file);
    if (bytes === undefined) printed.set(file, (bytes = toBinary(FileDescriptorProtoSchema, file.proto)));
    return bytes;
  }
  /** The file asked for comes always; what it imports, once in a stream. */
  function withImports(file: DescFile, had: Set<string>): Response {
    const list = [file];
    had.add(file.proto.name);
    for (let i = 0; i < list.length; i++) {
      for (const imported of list[i]!.dependencies) {
        if (had.has(imported.proto.name)) continue;
        had.add(imported.proto.name);
        list.push(imported);
      }
    }
    return { case: "fileDescriptorResponse", value: { fileDescriptorProto: list.map(print) } };
  }
  return {
    answer(request, had) {
      const { messageRequest: asked } = request;
      const found = (file: DescFile | undefined, what: string): Response =>
        file === undefined ? refusal(Code.NotFound, `no ${what}`) : withImports(file, had);
      const respond = (): Response => {
        switch (asked.case) {
          case "fileByFilename":
            return found(descriptors.file(asked.value), `file ${asked.value}`);
          case "fileContainingSymbol":
            return found(descriptors.fileOf(asked.value), `symbol ${asked.value}`);
          case "fileContainingExtension": {
            const { containingType, extensionNumber } = asked.value;
            return found(descriptors.fileOfExtension(containingType, extensionNumber), `extension ${extensionNumber} of ${containingType}`);
          }
          case "allExtensionNumbersOfType": {
            const numbers = descriptors.extensionNumbers(asked.value);
            if (numbers === undefined) return refusal(Code.NotFound, `no message ${asked.value}`);
            return { case: "allExtensionNumbersResponse", value: { baseTypeName: asked.value, extensionNumber: [...numbers] } };
          }
          case "listServices":
            return { case: "listServicesResponse", value: { service: services().map((name) => ({ name })) } };
          case undefined:
            return refusal(Code.InvalidArgument, "the request asks for nothing that is known here");
        }
      };
      return create(ServerReflectionResponseSchema, { validHost: request.host, originalRequest: request, messageResponse: respond() });
    },
  };
}

function refusal(errorCode: Code, errorMessage: string): Response {
  return { case: "errorResponse", value: { errorCode, errorMessage } };
}
