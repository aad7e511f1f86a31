import type { ConnectionOptions } from 'node:tls'
import { Followed } from '../base/followed.ts'
import type { RedisSettings, RedisSource } from '../base/redis-topology.ts'
import { keyFits } from '../x509/certificate-texts.ts'

/** User and password for a Redis connection; both `undefined` when the server requires none. */
export interface RedisCredentials {
  readonly username: string | undefined
  readonly password: string | undefined
}

/** Client certificate and key for a TLS connection to Redis, in PEM; both `undefined` for none. */
interface PresentedCertificate {
  readonly cert: string | undefined
  readonly key: string | undefined
}

/**
 * Credentials and certificates for new connections to Redis. They follow changes of the settings. When a server refuses
 * the new credentials or certificate, the next connection uses the previous ones. The certificate authorities are
 * always the newest: an authority that was removed is never trusted again.
 */
export class RedisAccess {
  readonly servers: Followed<RedisCredentials>
  readonly sentinels: Followed<RedisCredentials>
  readonly certificate: Followed<PresentedCertificate>
  readonly #source: RedisSource

  constructor(source: RedisSource) {
    const followed = <T extends object>(
      read: (settings: RedisSettings) => T,
      fits: (value: T) => boolean = () => true,
    ) => {
      const readFitting = (): T | undefined => {
        const value = read(source.current())
        return fits(value) ? value : undefined
      }
      return new Followed({ read: readFitting, refresh: () => source.refresh() }, read(source.current()))
    }
    this.#source = source
    this.servers = followed(({ username, password }) => ({ username, password }))
    this.sentinels = followed(({ place }) => {
      const { username, password } = place.topology === 'sentinel' ? place : {}
      return { username, password }
    })
    // Keep the previous pair until certificate and key match: they are replaced one after the other.
    this.certificate = followed(
      ({ tls }) => ({ cert: tls?.cert, key: tls?.key }),
      ({ cert, key }) => cert === undefined || key === undefined || keyFits(cert, key),
    )
  }

  /** TLS options of a Redis connection with this client certificate; `undefined` without TLS. */
  tls({ cert, key }: PresentedCertificate): ConnectionOptions | undefined {
    const { tls } = this.#source.current()
    if (tls === undefined) return undefined
    // Set rejectUnauthorized explicitly, because NODE_TLS_REJECT_UNAUTHORIZED=0 changes the default.
    return {
      rejectUnauthorized: true,
      ...(tls.ca !== undefined && { ca: tls.ca }),
      ...(cert !== undefined && { cert, key }),
      ...(tls.serverName !== undefined && { servername: tls.serverName }),
    }
  }
}
