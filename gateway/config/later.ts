/** Keys that are reserved for later versions. They are rejected, because they would not be enforced yet. */
const laterKeys = new Set([
  // node settings
  'cluster',
  'seed',
  'webhooks',
  // policy
  'accept',
])

const laterValues: Readonly<Record<string, readonly string[]>> = {
  source: ['cluster'],
  credentials: ['client_credentials', 'exchange'],
}

export function isLaterKey(key: string): boolean {
  return laterKeys.has(key)
}

export function isLaterValue(key: string | number | undefined, value: unknown): boolean {
  if (typeof key !== 'string' || !Object.hasOwn(laterValues, key)) return false
  return laterValues[key]!.includes(
    typeof value === 'object' && value !== null && 'type' in value ? String(value.type) : String(value),
  )
}
