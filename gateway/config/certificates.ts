import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { unreadableText } from './unreadable-text.ts'

/** Absolute paths of a certificate file and of the file with its private key. */
export interface CertificateFiles {
  readonly certFile: string
  readonly keyFile: string
}

/** A certificate that was read and validated together with its key. */
export interface Certificate extends CertificateFiles {
  /** SHA-256 of the certificate file and its key file, in hex. Equal fingerprints mean unchanged files. */
  readonly fingerprint: string
  /** DNS names in the certificate's subject alternative names, in lower case. `*.` stands for exactly one label. */
  readonly names: readonly string[]
  /** Start of the certificate's validity, ms since the epoch. */
  readonly validFromMs: number
  readonly validUntilMs: number
}

/**
 * Reads a certificate and its private key, and checks that the key belongs to the certificate. Without this check, the
 * listener would report no error for a wrong key and serve another certificate.
 *
 * @throws {Error} that names the file and the error, without any part of the key
 */
export function readCertificate(files: CertificateFiles): Certificate {
  const certPem = read(files.certFile)
  const keyPem = read(files.keyFile)
  const cert = parse(files.certFile, 'a certificate in PEM', () => new X509Certificate(certPem))
  const key = parse(files.keyFile, 'a private key in PEM without a passphrase', () => createPrivateKey(keyPem))
  if (!cert.checkPrivateKey(key))
    throw new Error(
      `private key ${files.keyFile} does not match certificate ${files.certFile}; name the key of the first certificate in that file`,
    )
  const names = [...(cert.subjectAltName ?? '').matchAll(/DNS:([^,\s"]+)/g)].map((match) => match[1]!.toLowerCase())
  if (names.length === 0)
    throw new Error(`certificate ${files.certFile} has no DNS name in its subject alternative names`)
  const fingerprint = createHash('sha256').update(certPem).update('\0').update(keyPem).digest('hex')
  return {
    ...files,
    fingerprint,
    names,
    validFromMs: Date.parse(cert.validFrom),
    validUntilMs: Date.parse(cert.validTo),
  }
}

/**
 * Whether at least one of the certificates has a name for this host. `*.` in a name stands for one label (RFC 6125
 * §6.4.3).
 */
export function covers(certificates: readonly Certificate[], host: string): boolean {
  const wild = host.replace(/^[^.]+/, '*')
  return certificates.some(({ names }) => names.includes(host) || names.includes(wild))
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new Error(unreadableText(file, error))
  }
}

function parse<T>(file: string, expected: string, parsed: () => T): T {
  try {
    return parsed()
  } catch {
    throw new Error(`${file} is not ${expected}`)
  }
}
