/**
 * Matches long runs of characters, which could be tokens or secrets. They are removed from error descriptions of
 * issuers.
 */
const tokenLike = /[\w.~+/=-]{32,}/g

/**
 * Prepares a text of an issuer for a log line: at most 200 printable ASCII characters. Secrets of the request, and
 * parts that could be tokens because of their length, are removed.
 */
export function issuerText(text: string, secrets: readonly string[] = []): string {
  const printable = text.replace(/[^\x20-\x7e]/g, '?')
  return secrets
    .reduce((rest, secret) => rest.replaceAll(secret, '…'), printable)
    .replace(tokenLike, '…')
    .slice(0, 200)
}
