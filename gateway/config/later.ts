import type { DocumentPath } from './problem.ts'

/** Keys of the design that belong to later versions: not yet enforced means not yet accepted. */
const laterKeys = new Set([
  // node settings
  'redis',
  'tls',
  'trusted_proxies',
  'proxy_protocol',
  'probes',
  'telemetry',
  'audit',
  'sinks',
  'cluster',
  'revocation',
  'max_staleness',
  'encryption',
  'seed',
  'webhooks',
  // policy
  'limits',
  'on_outage',
  'introspection',
  'login',
  'session',
  'shadow',
  'rewrite',
  'claims',
  'clients',
  'headers',
  'time',
  'acr',
  'max_age',
  'accept',
])

const laterValues: Readonly<Record<string, readonly string[]>> = {
  source: ['cluster'],
  tokens: ['opaque', 'any'],
  credentials: ['client_credentials', 'exchange'],
}

/** Requirements whose name is known elsewhere in the policy. */
const laterRequirements = new Set(['addresses'])

export function isLaterKey(key: string, path: DocumentPath): boolean {
  return laterKeys.has(key) || (laterRequirements.has(key) && path.includes('require'))
}

export function isLaterValue(key: string | number | undefined, value: unknown): boolean {
  if (typeof key !== 'string' || !Object.hasOwn(laterValues, key)) return false
  return laterValues[key]!.includes(
    typeof value === 'object' && value !== null && 'type' in value ? String(value.type) : String(value),
  )
}
