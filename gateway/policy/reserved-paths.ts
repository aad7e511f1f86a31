import { resourceMetadataPath } from '../oauth/resource-metadata.ts'

/**
 * Path prefixes that are reserved for the gate, now or in a later version. The `/oauth2` paths are the paths that users
 * of oauth2-proxy know.
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
 * Returns the reserved prefix of a path, or `undefined`. A reserved path is never forwarded to a service, whatever its
 * routes match, because clients trust responses there as responses of the gate.
 */
export function reservedPrefixOf(path: string): string | undefined {
  const first = path.charCodeAt(1)
  if (first !== dot && first !== o) return undefined
  return reserved.find(
    (prefix) => path.startsWith(prefix) && (path.length === prefix.length || path[prefix.length] === '/'),
  )
}
