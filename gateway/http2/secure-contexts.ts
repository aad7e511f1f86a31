import { constants } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import type { Certificate } from '../config/certificates.ts'
import type { ClientTrust } from '../x509/client-trust.ts'

interface Served {
  readonly context: SecureContext
  readonly names: ReadonlySet<string>
}

/** Certificates of the HTTP/2 listener, selected by the server name of the client (RFC 6066 §3). */
export class SecureContexts {
  /** TLS options for clients that send no known server name: the first certificate. */
  readonly standard: SecureContextOptions
  /** CAs of client certificates; `undefined`: no certificate is requested. */
  readonly trust: ClientTrust | undefined
  /** TLS certificates by server name. @bound settings */
  readonly #byName = new Map<string, Served>()

  /** @throws {Error} when a file cannot be read, or a key does not belong to its certificate */
  constructor(certificates: readonly Certificate[], trust: ClientTrust | undefined) {
    this.trust = trust
    // Turn off session tickets: a resumed TLS session would keep a client certificate that was verified by CAs that
    // have since been removed.
    const ofClients = trust === undefined ? {} : { ca: trust.pem, secureOptions: constants.SSL_OP_NO_TICKET }
    const read = certificates.map(({ certFile, keyFile, names }) => {
      const options = { cert: readFileSync(certFile), key: readFileSync(keyFile), ...ofClients }
      const served = { context: createSecureContext(options), names: new Set(names) }
      for (const name of names) if (!this.#byName.has(name)) this.#byName.set(name, served)
      return options
    })
    this.standard = read[0]!
  }

  /**
   * Returns the TLS certificate for a server name; `undefined`: the client gets the first certificate. A wildcard in a
   * certificate matches one label.
   */
  find(serverName: string): Served | undefined {
    const name = serverName.toLowerCase()
    return this.#byName.get(name) ?? this.#byName.get(name.replace(/^[^.]+/, '*'))
  }
}
