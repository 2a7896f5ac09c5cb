/** printPage writes what libevent's HTTP server, which TensorFlow Serving stands on, sends by itself (evhttp_send_error in http.c): as text/html. */
export function printPage(status: number, title: string): Uint8Array {
  return new TextEncoder().encode(`<html><head>\n<title>${status} ${title}</title>\n</head><body>\n<h1>${title}</h1>\n</body></html>\n`);
}
