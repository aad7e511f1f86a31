import { statSync } from 'node:fs'
import type { SecretPlace } from '../../base/secret.ts'
import type { SecretListing } from '../../config/open-secret.ts'
import { authorityEnds } from '../../x509/authority-ends.ts'
import type { TlsKey } from './tls-material.ts'
import type { TlsSource } from './tls-source.ts'
import type { UpstreamTls } from './upstream-tls.ts'

/** A file of `upstream_tls` in the inventory of secrets. */
export interface ListedFile extends SecretListing {
  /**
   * End of the validity of the certificate, ms since the Unix epoch; in a file with several authorities, the earliest
   * end.
   */
  readonly expiresAtMs: number | undefined
}

const startedAt = new Date().toISOString()

/** Lists the files of one `upstream_tls`. */
export function listedFiles(service: string, tls: UpstreamTls, source: TlsSource): ListedFile[] {
  const { caFile, certFile, key } = tls
  const { certificate, authorities } = source.current
  const files: readonly (readonly [TlsKey, SecretPlace | undefined, number | undefined])[] = [
    ['ca', caFile === undefined ? undefined : { file: caFile }, authorityEnds(authorities)[0]?.expiresAtMs],
    ['certificate', certFile === undefined ? undefined : { file: certFile }, certificate?.validToDate.getTime()],
    ['key', key, undefined],
  ]
  return files.flatMap(([name, place, expiresAtMs]) => {
    if (place === undefined) return []
    const problem = source.problem?.key === name ? source.problem.message : null
    return {
      name: `services.${service}.upstream_tls.${name}`,
      source: 'env' in place ? `env ${place.env}` : `file ${place.file}`,
      used_by: `connections to service ${service}`,
      changed_at: 'env' in place ? startedAt : changedAt(place.file),
      previous_valid: false,
      problem,
      expiresAtMs,
    }
  })
}

/** Time of the last change of a file, RFC 3339; the start of the process for a file that cannot be read. */
function changedAt(file: string): string {
  try {
    return statSync(file).mtime.toISOString()
  } catch {
    return startedAt
  }
}
