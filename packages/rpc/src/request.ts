import { acceptEncoding } from "./compression.ts";
import { type Fields, newField, newFields } from "./fields.ts";

const teTrailers = newField("te", "trailers");
const grpcType = newField("content-type", "application/grpc");
const accepted = newField("grpc-accept-encoding", acceptEncoding);
const post = newField(":method", "POST");

/** Called says which method is called, and where. */
export interface Called {
  /** path is "/package.Service/Method". */
  readonly path: string;
  readonly authority: string;
  readonly scheme: "http" | "https";
}

/** callFields are the request fields of every gRPC call of a method, to be made once where there are many. */
export function callFields({ path, authority, scheme }: Called): Fields {
  return newFields([post, newField(":scheme", scheme), newField(":authority", authority), newField(":path", path), teTrailers, grpcType, accepted]);
}
