/**
 * Keys of documents that are reserved for later versions. A document with such a key is rejected, because this version
 * does not enforce the key.
 */
const reservedKeys = new Set(['webhooks'])

export function isReservedKey(key: string): boolean {
  return reservedKeys.has(key)
}
