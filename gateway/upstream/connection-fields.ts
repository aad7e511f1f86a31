/**
 * Fields that HTTP/2 does not have (RFC 9113 §8.2.2). Node.js throws an error when such a field is sent, but accepts
 * `http2-settings` from its peer, also as a trailer.
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
