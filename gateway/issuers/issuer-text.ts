/**
 * Matches runs of characters that could be tokens or secrets because of their length. They are left out of error
 * descriptions.
 */
const tokenLike = /[\w.~+/=-]{32,}/g

/**
 * Returns a text of an issuer for a log line: at most 200 printable ASCII characters, without secrets of the request
 * and anything like a token.
 */
export function issuerText(text: string, secrets: readonly string[] = []): string {
  const printable = text.replace(/[^\x20-\x7e]/g, '?')
  return secrets
    .reduce((rest, secret) => rest.replaceAll(secret, '…'), printable)
    .replace(tokenLike, '…')
    .slice(0, 200)
}
