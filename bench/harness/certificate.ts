import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generate } from 'selfsigned'

/** Paths of a certificate and its private key, both PEM files. */
export interface CertificatePaths {
  readonly certFile: string
  readonly keyFile: string
}

/** Creates a self-signed ECDSA P-256 certificate for the host name `gate.bench`. */
export async function makeCertificate(folder: string): Promise<CertificatePaths> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'gate.bench' }], {
    keyType: 'ec',
    curve: 'P-256',
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'gate.bench' }] }],
  })
  mkdirSync(folder, { recursive: true })
  const [certFile, keyFile] = [join(folder, 'gate.crt'), join(folder, 'gate.key')]
  writeFileSync(certFile, cert)
  writeFileSync(keyFile, key, { mode: 0o600 })
  return { certFile, keyFile }
}
