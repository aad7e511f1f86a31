import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent, type RequestOptions } from 'node:https'
import { createSecureContext, type SecureContext } from 'node:tls'

type Environment = Readonly<Record<string, string | undefined>>

/** Signal names in the environment variables of OpenTelemetry. */
export type SignalVariable = 'TRACES' | 'METRICS' | 'LOGS'

/**
 * Returns the factory of the HTTP agent of one signal. With https, each new connection reads the files of the variables
 * `OTEL_EXPORTER_OTLP_CERTIFICATE`, `_CLIENT_CERTIFICATE` and `_CLIENT_KEY` again, those of the signal first.
 */
export function otlpAgent(signal: SignalVariable, env: Environment) {
  return (protocol: string): HttpAgent | HttpsAgent =>
    protocol === 'http:'
      ? new HttpAgent({ keepAlive: true })
      : new VerifyingAgent(new OtlpCertificates((name) => variable(`${signal}_${name}`) ?? variable(name)))

  function variable(name: string): string | undefined {
    const file = env[`OTEL_EXPORTER_OTLP_${name}`]
    return file === undefined || file.trim() === '' ? undefined : file
  }
}

/** Agent that verifies the certificate of the receiver, and whose new connections use the current certificate files. */
class VerifyingAgent extends HttpsAgent {
  readonly #certificates: OtlpCertificates

  constructor(certificates: OtlpCertificates) {
    // A resumed session would keep the client certificate of its first handshake.
    super({ keepAlive: true, maxCachedSessions: 0 })
    this.#certificates = certificates
  }

  override createConnection(...[options, done]: Parameters<HttpsAgent['createConnection']>) {
    const secureContext = this.#certificates.context()
    // Set explicitly, because NODE_TLS_REJECT_UNAUTHORIZED=0 changes the default.
    const verified = { ...options, secureContext, rejectUnauthorized: true }
    return super.createConnection(verified as RequestOptions, done)
  }
}

/** The certificate files of one signal. A file that cannot be read or used leaves the last usable ones in force. */
class OtlpCertificates {
  readonly #fileOf: (variable: string) => string | undefined
  readonly #texts = new Map<string, Buffer>()
  #usable: SecureContext | undefined

  constructor(fileOf: (variable: string) => string | undefined) {
    this.#fileOf = fileOf
  }

  /** @throws {Error} when the files were never usable */
  context(): SecureContext {
    const [ca, cert, key] = ['CERTIFICATE', 'CLIENT_CERTIFICATE', 'CLIENT_KEY'].map((name) => this.#read(name))
    try {
      // OpenSSL ignores an invalid text of authorities, and would then trust those of the system.
      if (ca !== undefined) new X509Certificate(ca)
      this.#usable = createSecureContext({ ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) })
    } catch (error) {
      // Certificate and key are replaced one after the other, so they may not match for a moment.
      if (this.#usable === undefined) throw error
    }
    return this.#usable
  }

  #read(variable: string): Buffer | undefined {
    const file = this.#fileOf(variable)
    if (file === undefined) return undefined
    try {
      this.#texts.set(variable, readFileSync(file))
    } catch {
      // The exporter has logged a file that could not be read at the start. Later, the last content stays in use.
    }
    return this.#texts.get(variable)
  }
}
