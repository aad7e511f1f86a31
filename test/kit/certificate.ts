import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generate } from 'selfsigned'

/** A self-signed certificate: its text in PEM, its file, and the file of its private key. */
export interface TestCertificate {
  readonly cert: string
  readonly certFile: string
  readonly keyFile: string
}

/**
 * Creates a self-signed certificate.
 *
 * @param file  name of the certificate file and the key file without extension; existing files are replaced
 * @param names  DNS names for `subjectAltName`
 */
export async function certificateFor(folder: string, file: string, names: readonly string[]): Promise<TestCertificate> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: names[0]! }], {
    keyType: 'ec',
    curve: 'P-256',
    extensions: [{ name: 'subjectAltName', altNames: names.map((value) => ({ type: 2, value })) }],
  })
  const [certFile, keyFile] = [join(folder, `${file}.crt`), join(folder, `${file}.key`)]
  writeFileSync(certFile, cert)
  writeFileSync(keyFile, key, { mode: 0o600 })
  return { cert, certFile, keyFile }
}
