import { createHash, createPrivateKey, type KeyObject, type X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext, type SecureContext } from 'node:tls'
import { type SecretPlace, secretSource } from '../../base/secret.ts'
import { type Environment, readSecret } from '../../config/secret.ts'
import { unreadableText } from '../../config/unreadable-text.ts'
import { pemCertificates } from '../../x509/pem-certificates.ts'
import { defaultMinVersion, type TlsVersion, type UpstreamTls } from './upstream-tls.ts'

/** Key of `upstream_tls` whose file is unusable, such as `ca_file`. */
export type TlsKey = 'ca' | 'certificate' | 'key'

/** A file of `upstream_tls` is unusable. The message names the file, the error and the remedy, and contains no key. */
export class TlsFileError extends Error {
  override readonly name = 'TlsFileError'
  readonly key: TlsKey

  constructor(key: TlsKey, message: string) {
    super(message)
    this.key = key
  }
}

/** Everything that shapes the TLS connections to a service. All files were read at the same time. */
export interface TlsMaterial {
  /**
   * SHA-256, in hex, of the contents of all files, the server name and the lowest version. Connections are shared only
   * between services with the same hash and protocol.
   */
  readonly hash: string
  readonly context: SecureContext
  readonly serverName: string | undefined
  /** Client certificate of the gate for the service; `undefined` for none. */
  readonly certificate: X509Certificate | undefined
  /**
   * Certificate authorities that are trusted for the service. If the list is empty, the authorities of Node.js are
   * trusted.
   */
  readonly authorities: readonly X509Certificate[]
}

/** Object identifiers of two extended key usages (RFC 5280 §4.2.1.12): TLS client, and any use. */
const clientUses: ReadonlySet<string> = new Set(['1.3.6.1.5.5.7.3.2', '2.5.29.37.0'])

/** Material of services without `upstream_tls`: no client certificate, and the certificate authorities of Node.js. */
export function defaultTlsMaterial(): TlsMaterial {
  return material(undefined, defaultMinVersion, {})
}

/**
 * Reads and validates the files of a service.
 *
 * @throws {TlsFileError} when a file is unusable
 */
export function readTlsMaterial(tls: UpstreamTls, env: Environment = process.env): TlsMaterial {
  const { caFile, certFile, key, serverName, minVersion } = tls
  const authorities = caFile === undefined ? [] : readCertificates('ca', caFile)
  const chain = certFile === undefined ? [] : readCertificates('certificate', certFile)
  const keyText = key === undefined ? undefined : readKey(key, env)
  if (chain[0] !== undefined) checkClientCertificate(chain[0], certFile!, key!, keyText!)
  const texts = { ca: pemText(authorities), cert: pemText(chain), key: keyText }
  return material(serverName, minVersion, texts, chain[0], authorities)
}

/**
 * Writes the validated certificates in PEM again. OpenSSL ignores parts of a file that it cannot read, so it must get
 * exactly the certificates that were validated.
 */
function pemText(certificates: readonly X509Certificate[]): string | undefined {
  return certificates.length === 0 ? undefined : certificates.map(String).join('')
}

interface Texts {
  readonly ca?: string | undefined
  readonly cert?: string | undefined
  readonly key?: string | undefined
}

function material(
  serverName: string | undefined,
  minVersion: TlsVersion,
  texts: Texts,
  certificate?: X509Certificate,
  authorities: readonly X509Certificate[] = [],
): TlsMaterial {
  const shape = [minVersion, serverName, texts.ca, texts.cert, texts.key]
  const hash = createHash('sha256')
  // Hash the length of each part before the part, so that no two lists of parts have the same bytes.
  for (const part of shape) hash.update(part === undefined ? '-;' : `${part.length};${part}`)
  return {
    hash: hash.digest('hex'),
    context: contextOf({ ...texts, minVersion }),
    serverName,
    certificate,
    authorities,
  }
}

function contextOf({ ca, cert, key, minVersion }: Texts & { readonly minVersion: TlsVersion }): SecureContext {
  try {
    return createSecureContext({
      minVersion,
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert, key }),
    })
  } catch (error) {
    // OpenSSL has rejected the certificates, for example because a key or a signature is too weak.
    const { code, message } = error as NodeJS.ErrnoException
    throw new TlsFileError(cert === undefined ? 'ca' : 'certificate', `cannot be used for TLS (${code ?? message})`)
  }
}

/**
 * Checks the client certificate.
 *
 * @throws {TlsFileError} when the certificate cannot prove the identity of the gate to a service
 */
function checkClientCertificate(
  certificate: X509Certificate,
  certFile: string,
  place: SecretPlace,
  keyText: string,
): void {
  const source = secretSource(place)
  let key: KeyObject
  try {
    key = createPrivateKey(keyText)
  } catch {
    throw new TlsFileError('key', `${source} is not a private key in PEM without a passphrase`)
  }
  if (!certificate.checkPrivateKey(key)) {
    throw new TlsFileError(
      'key',
      `${source} does not match ${certFile}; name the private key of the first certificate in that file`,
    )
  }
  const uses: readonly string[] | undefined = certificate.keyUsage
  if (uses === undefined || uses.length === 0 || uses.some((use) => clientUses.has(use))) return
  throw new TlsFileError(
    'certificate',
    `${certFile} may not be used by a TLS client; request a certificate with the extended key usage clientAuth`,
  )
}

function readCertificates(key: TlsKey, file: string): readonly X509Certificate[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new TlsFileError(key, unreadableText(file, error))
  }
  try {
    return pemCertificates(text)
  } catch (error) {
    throw new TlsFileError(key, `${file} ${(error as Error).message}`)
  }
}

function readKey(place: NonNullable<UpstreamTls['key']>, env: Environment): string {
  const { secret, failure } = readSecret(place, env, '.')
  if (secret === undefined) throw new TlsFileError('key', failure!)
  return secret
}
