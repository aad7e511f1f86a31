/**
 * Header fields that HTTP/2 forbids (RFC 9113 §8.2.2). The gate drops these fields, because Node.js throws an error
 * when it has to send one. Node.js does not reject a received `http2-settings`, also not as a trailer.
 */
export const connectionFields: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'te',
])
