import { Followed, type FollowedSource } from '../../base/followed.ts'
import { keyFits } from '../../x509/certificate-texts.ts'

/**
 * TLS options of a connection to a receiver: CA and client certificates and private key in PEM, and the name that the
 * server certificate must have.
 */
export interface SinkTls {
  /**
   * Always true: the server certificate is verified. Set explicitly, because NODE_TLS_REJECT_UNAUTHORIZED=0 changes the
   * default.
   */
  readonly rejectUnauthorized: true
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
  readonly servername?: string
}

/** Credentials that the worker presents to an audit receiver. */
export interface SinkCredential {
  /** Header fields that authenticate the worker at the audit receiver. */
  readonly headers: Readonly<Record<string, string>>
  /** Secrets in these header fields. Log lines must not contain them. */
  readonly secrets: readonly string[]
  /** Client certificate and private key of the worker in PEM. */
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

interface SinkAccessDependencies {
  readonly source: FollowedSource<SinkCredential>
  /** Returns the CA certificates that are trusted now; `undefined`: the CA certificates of the system. */
  readonly ca: () => string | undefined
  readonly serverName: string | undefined
}

/**
 * Credentials and certificates for the receiver of one audit sink, read again when their files change. When the
 * receiver refuses the new credentials, the worker presents the previous ones. Of the trusted CAs, always the newest
 * are used.
 */
export class SinkAccess {
  readonly #credential: Followed<SinkCredential>
  readonly #ca: () => string | undefined
  readonly #serverName: string | undefined

  constructor({ source, ca, serverName }: SinkAccessDependencies) {
    this.#credential = new Followed(source, { headers: {}, secrets: [] })
    this.#ca = ca
    this.#serverName = serverName
  }

  /**
   * Credentials for the next request or connection to the audit receiver. If the receiver refuses them, pass the same
   * object to {@link refused}.
   */
  get presented(): SinkCredential {
    return this.#credential.presented
  }

  /**
   * Records that the audit receiver refused these credentials.
   *
   * @returns true when `presented` is now another object, so that the request can be repeated once
   */
  refused(shown: SinkCredential): boolean {
    return this.#credential.refused(shown)
  }

  /** TLS options of a new connection to the sink, with the client certificate of these credentials. */
  tls({ cert, key }: SinkCredential): SinkTls {
    const ca = this.#ca()
    return {
      rejectUnauthorized: true,
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && key !== undefined && { cert, key }),
      ...(this.#serverName !== undefined && { servername: this.#serverName }),
    }
  }
}

/**
 * Whether the client certificate and private key of a sink belong together. They do not between the two steps in which
 * an operator replaces both files.
 */
export function isFitting({ cert, key }: SinkCredential): boolean {
  return cert === undefined || key === undefined || keyFits(cert, key)
}
