import { resourceMetadataPath } from '../oauth/resource-metadata.ts'

/**
 * Prefixes where only the gate answers, now or in the future. The `/oauth2` names are those that users of oauth2-proxy
 * know.
 */
const reserved = [
  '/.gatehouse',
  '/.well-known/gatehouse',
  resourceMetadataPath,
  ...['start', 'callback', 'sign_out', 'userinfo', 'auth'].map((name) => `/oauth2/${name}`),
]

const dot = 0x2e
const o = 0x6f

/**
 * The reserved prefix of a path; `undefined` without one. No service can answer there, whatever its routes match,
 * because clients trust these paths as the gate's own.
 */
export function reservedPrefixOf(path: string): string | undefined {
  const first = path.charCodeAt(1)
  if (first !== dot && first !== o) return undefined
  return reserved.find(
    (prefix) => path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/'),
  )
}
