import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent, type RequestOptions } from 'node:https'
import { createSecureContext, type SecureContext } from 'node:tls'

type Environment = Readonly<Record<string, string | undefined>>

/** Signal names in the environment variables of OpenTelemetry. */
export type SignalVariable = 'TRACES' | 'METRICS' | 'LOGS'

/**
 * The HTTP agent of one signal. With https, each new connection reads the files of the variables
 * `OTEL_EXPORTER_OTLP_CERTIFICATE`, `_CLIENT_CERTIFICATE` and `_CLIENT_KEY` again. The variables of the signal take
 * precedence.
 */
export class OtlpAgent {
  readonly #signal: SignalVariable
  readonly #env: Environment
  #agent: HttpAgent | HttpsAgent | undefined

  constructor(signal: SignalVariable, env: Environment) {
    this.#signal = signal
    this.#env = env
  }

  /** Returns the agent for the protocol of the receiver, `http:` or `https:`. */
  readonly forProtocol = (protocol: string): HttpAgent | HttpsAgent => {
    this.#agent ??=
      protocol === 'http:'
        ? new HttpAgent({ keepAlive: true })
        : new VerifyingAgent(
            new OtlpCertificates((name) => this.#variable(`${this.#signal}_${name}`) ?? this.#variable(name)),
          )
    return this.#agent
  }

  /** Closes all connections. The exporter of the SDK does not close its idle connections at its shutdown. */
  close(): void {
    this.#agent?.destroy()
  }

  #variable(name: string): string | undefined {
    const file = this.#env[`OTEL_EXPORTER_OTLP_${name}`]
    return file === undefined || file.trim() === '' ? undefined : file
  }
}

/** HTTPS agent that verifies the certificate of the receiver. Its new connections use the current certificate files. */
class VerifyingAgent extends HttpsAgent {
  readonly #certificates: OtlpCertificates

  constructor(certificates: OtlpCertificates) {
    // Disable session resumption: a resumed session would keep the client certificate of its first handshake.
    super({ keepAlive: true, maxCachedSessions: 0 })
    this.#certificates = certificates
  }

  override createConnection(...[options, done]: Parameters<HttpsAgent['createConnection']>) {
    const secureContext = this.#certificates.context()
    // Set `rejectUnauthorized` explicitly, because NODE_TLS_REJECT_UNAUTHORIZED=0 changes the default.
    const verified = { ...options, secureContext, rejectUnauthorized: true }
    return super.createConnection(verified as RequestOptions, done)
  }
}

/** The certificate files of one signal. If a file cannot be read or used, the last usable files stay in use. */
class OtlpCertificates {
  readonly #fileOf: (variable: string) => string | undefined
  /** Content of the certificate files, by environment variable. @bound code */
  readonly #texts = new Map<string, Buffer>()
  #usable: SecureContext | undefined

  constructor(fileOf: (variable: string) => string | undefined) {
    this.#fileOf = fileOf
  }

  /** Returns the TLS context of the newest usable files. @throws {Error} when the files were never usable */
  context(): SecureContext {
    const [ca, cert, key] = ['CERTIFICATE', 'CLIENT_CERTIFICATE', 'CLIENT_KEY'].map((name) => this.#read(name))
    try {
      // Check the authorities first: OpenSSL ignores an invalid text of authorities, and would then trust the
      // authorities of the system.
      if (ca !== undefined) new X509Certificate(ca)
      this.#usable = createSecureContext({ ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) })
    } catch (error) {
      // Keep the last usable context: certificate and key are replaced one after the other, so they may not match for a
      // moment.
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
      // Keep the last content of a file that cannot be read. If the file was already unreadable at the start, the
      // exporter has logged the error.
    }
    return this.#texts.get(variable)
  }
}
