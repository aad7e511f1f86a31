/**
 * Keys of documents that are reserved for later versions. A document with such a key is rejected, because this version
 * does not enforce the key.
 */
const reservedKeys = new Set(['cluster', 'seed', 'webhooks'])

const reservedValues: Readonly<Record<string, readonly string[]>> = {
  source: ['cluster'],
}

export function isReservedKey(key: string): boolean {
  return reservedKeys.has(key)
}

export function isReservedValue(key: string | number | undefined, value: unknown): boolean {
  if (typeof key !== 'string' || !Object.hasOwn(reservedValues, key)) return false
  return reservedValues[key]!.includes(String(value))
}
