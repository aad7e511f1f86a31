import { createHash, webcrypto } from 'node:crypto'
import {
  BasicConstraintsExtension,
  cryptoProvider,
  ExtendedKeyUsageExtension,
  Extension,
  type JsonGeneralNames,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '@peculiar/x509'

// Certificates of clients, chains and revocation lists with every detail that the tests need.

cryptoProvider.set(webcrypto as never)

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** A certificate of a client: certificate and private key in PEM, and what a token that is bound to it contains. */
export interface ClientIdentity {
  readonly cert: string
  readonly key: string
  readonly der: Buffer
  readonly serial: string
  /** Value of `x5t#S256` in a token that is bound to the certificate (RFC 8705 §3.1). */
  readonly thumbprint: string
}

export interface ClientNames {
  readonly uris?: readonly string[]
  readonly dns?: readonly string[]
  readonly emails?: readonly string[]
  /** Common name of the certificate; default `client`. */
  readonly commonName?: string
  /** Value of the extension subjectAltName in DER, instead of names. */
  readonly rawNames?: Buffer
  readonly from?: Date
  readonly until?: Date
  /** Extended key usage, as object identifier. Default: clientAuth. */
  readonly usage?: string
  readonly isCa?: boolean
}

export const clientAuth = '1.3.6.1.5.5.7.3.2'
export const serverAuth = '1.3.6.1.5.5.7.3.1'

/** A certificate authority for client certificates. */
export class ClientCa {
  readonly cert: string
  readonly #subject: string
  readonly #keys: webcrypto.CryptoKeyPair
  #serial = 1

  private constructor(cert: string, subject: string, keys: webcrypto.CryptoKeyPair) {
    this.cert = cert
    this.#subject = subject
    this.#keys = keys
  }

  /** @param parent  CA that issues this one; default: the CA is its own issuer, a root */
  static async create(
    name: string,
    { parent, from, until, keysOf }: { parent?: ClientCa; from?: Date; until?: Date; keysOf?: ClientCa } = {},
  ): Promise<ClientCa> {
    const keys = keysOf === undefined ? await newKeys() : keysOf.#keys
    const subject = `CN=${name}`
    const certificate = await X509CertificateGenerator.create({
      serialNumber: parent === undefined ? '01' : parent.#nextSerial(),
      subject,
      issuer: parent === undefined ? subject : parent.#subject,
      notBefore: from ?? new Date(Date.now() - DAY_MS),
      notAfter: until ?? new Date(Date.now() + 365 * DAY_MS),
      publicKey: keys.publicKey,
      signingKey: (parent === undefined ? keys : parent.#keys).privateKey,
      signingAlgorithm: algorithm,
      extensions: [
        new BasicConstraintsExtension(true, undefined, true),
        new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      ],
    })
    return new ClientCa(`${certificate.toString('pem')}\n`, subject, keys)
  }

  async issue(names: ClientNames = {}): Promise<ClientIdentity> {
    const { uris = [], dns = [], emails = [], commonName = 'client', rawNames, isCa = false } = names
    const keys = await newKeys()
    const general: JsonGeneralNames = [
      ...uris.map((value) => ({ type: 'url' as const, value })),
      ...dns.map((value) => ({ type: 'dns' as const, value })),
      ...emails.map((value) => ({ type: 'email' as const, value })),
    ]
    const serial = this.#nextSerial()
    const certificate = await X509CertificateGenerator.create({
      serialNumber: serial,
      subject: `CN=${commonName}`,
      issuer: this.#subject,
      notBefore: names.from ?? new Date(Date.now() - HOUR_MS),
      notAfter: names.until ?? new Date(Date.now() + DAY_MS),
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: algorithm,
      extensions: [
        new BasicConstraintsExtension(isCa),
        new ExtendedKeyUsageExtension([names.usage ?? clientAuth]),
        ...(general.length === 0 ? [] : [new SubjectAlternativeNameExtension(general)]),
        ...(rawNames === undefined ? [] : [new Extension('2.5.29.17', false, rawNames)]),
      ],
    })
    const der = Buffer.from(certificate.rawData)
    const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
    return {
      cert: `${certificate.toString('pem')}\n`,
      key: `-----BEGIN PRIVATE KEY-----\n${key.toString('base64')}\n-----END PRIVATE KEY-----\n`,
      der,
      serial,
      thumbprint: createHash('sha256').update(der).digest('base64url'),
    }
  }

  /** Creates a revocation list in PEM. */
  async revocationList(
    revoked: readonly Pick<ClientIdentity, 'serial'>[],
    { nextUpdate, extensions = [] }: { nextUpdate?: Date; extensions?: Extension[] } = {},
  ): Promise<string> {
    const list = await X509CrlGenerator.create({
      issuer: this.#subject,
      thisUpdate: new Date(Date.now() - HOUR_MS),
      nextUpdate: nextUpdate ?? new Date(Date.now() + DAY_MS),
      entries: revoked.map(({ serial }) => ({ serialNumber: serial, revocationDate: new Date() })),
      extensions,
      signingAlgorithm: algorithm,
      signingKey: this.#keys.privateKey,
    })
    const text = Buffer.from(list.rawData).toString('base64')
    return `-----BEGIN X509 CRL-----\n${text}\n-----END X509 CRL-----\n`
  }

  #nextSerial(): string {
    this.#serial++
    return `00ab${this.#serial.toString(16).padStart(4, '0')}`
  }
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
}
