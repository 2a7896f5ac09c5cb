import { isFieldText } from "../field_text.ts";
import type { Fields } from "../fields.ts";

/** The flag of the frame that holds trailers (gRPC-Web protocol, "Message framing"). */
const trailersFlag = 0x80;
const prefixBytes = 5;

/** webTrailers writes trailers as the frame that ends a body. What could not be a field's value does not get out: it could pretend to be another field. */
export function webTrailers(fields: Fields): Uint8Array {
  let text = "";
  for (const { name, value } of fields.list) if (isFieldText(value)) text += `${name}: ${value}\r\n`;
  const framed = Buffer.allocUnsafe(prefixBytes + text.length);
  framed[0] = trailersFlag;
  framed.writeUInt32BE(text.length, 1);
  framed.write(text, prefixBytes, "latin1");
  return framed;
}
