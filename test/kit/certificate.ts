import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generate } from 'selfsigned'

/** A certificate that is its own authority, in files of `folder`. */
export interface TestCertificate {
  readonly cert: string
  readonly certFile: string
  readonly keyFile: string
}

/** @param file  name of the files without ending; an earlier certificate of that name is replaced */
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
