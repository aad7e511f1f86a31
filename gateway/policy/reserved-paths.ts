import { resourceMetadataPath } from '../oauth/resource-metadata.ts'

/** Where the gate answers itself, or will; the second group under the names that users of oauth2-proxy know. */
const reserved = [
  '/.gatehouse',
  '/.well-known/gatehouse',
  resourceMetadataPath,
  ...['start', 'callback', 'sign_out', 'userinfo', 'auth'].map((name) => `/oauth2/${name}`),
]

const dot = 0x2e
const o = 0x6f

/**
 * The reserved prefix that a path lies under. No service speaks there, whatever its routes match: clients take what they
 * find for the gate's own word.
 */
export function reservedPrefixOf(path: string): string | undefined {
  const first = path.charCodeAt(1)
  if (first !== dot && first !== o) return undefined
  return reserved.find(
    (prefix) => path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/'),
  )
}
