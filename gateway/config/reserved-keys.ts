/**
 * Keys of settings and policies that are reserved for later versions of Gatehouse. A document with such a key is
 * rejected, because this version would not do what the key says.
 */
const reservedKeys = new Set(['webhooks'])

export function isReservedKey(key: string): boolean {
  return reservedKeys.has(key)
}
