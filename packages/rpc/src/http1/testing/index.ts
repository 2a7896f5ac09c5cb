/**
 * Package http1/testing is what HTTP/1.1 tests share: a server on a port, a client that sends bytes as they are, and a reader of answers.
 *
 *     using server = await serve();
 *     const [answer] = answersOf(await talk(server.port, ["GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"]));
 *
 * @module
 */
export type { Answer, Echo, Served, Setup } from "./serve.ts";
export { answersOf, echo, heard, serve, talk } from "./serve.ts";
