import type { SecretPlace } from '../../base/secret.ts'

/** `upstream_tls` of a service: the settings of its TLS connections. File paths are absolute. */
export interface UpstreamTls {
  /**
   * File with the certificate authorities that are trusted for the service, and no others. `undefined`: the authorities
   * of Node.js are trusted.
   */
  readonly caFile: string | undefined
  /** File with the client certificate of the gate and its intermediates; `undefined` for none. */
  readonly certFile: string | undefined
  /** Private key of the client certificate; set together with `certFile`. */
  readonly key: SecretPlace | undefined
  /**
   * Server name that the gate sends (SNI), and for which the certificate must be valid; `undefined`: the host of the
   * upstream.
   */
  readonly serverName: string | undefined
  readonly minVersion: TlsVersion
}

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3'

/** Lowest TLS version of a service without `min_version`. Set explicitly, because a flag of Node.js could lower it. */
export const defaultMinVersion: TlsVersion = 'TLSv1.2'
