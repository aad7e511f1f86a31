import { X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { formatSize } from '../base/size.ts'
import type { NamedCa } from '../x509/certificate-identity.ts'
import { type ClientCa, ClientTrust, type ListInFile } from '../x509/client-trust.ts'
import { parseRevocationList } from '../x509/revocation-list.ts'
import { unreadableText } from './unreadable-text.ts'

/** Absolute paths of the files of `tls.client`. */
export interface ClientTrustFiles {
  readonly cas: readonly (NamedCa & { readonly file: string })[]
  readonly crlFiles: readonly string[]
}

/** Maximum size of a file of CA certificates, bytes. */
const CA_FILE_MAX_BYTES = 1024 * 1024
/** Maximum size of a file of revocation lists, bytes. A list of about 400,000 revoked certificates takes 16 MiB. */
const CRL_FILE_MAX_BYTES = 16 * 1024 * 1024

const pemCertificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g
const pemList = /-----BEGIN X509 CRL-----([^-]+)-----END X509 CRL-----/g

/**
 * Reads the CA certificates and the revocation lists of `tls.client`, and checks that each list is signed by one of the
 * CAs.
 *
 * @throws {Error} that names the file and the error
 */
export function readClientTrust({ cas, crlFiles }: ClientTrustFiles): ClientTrust {
  return new ClientTrust(cas.map(readCa), crlFiles.flatMap(readLists))
}

function readCa({ name, trustDomain, file }: ClientTrustFiles['cas'][number]): ClientCa {
  const found = read(file, CA_FILE_MAX_BYTES).toString('latin1').match(pemCertificate)
  if (found === null)
    throw new Error(`${file} contains no certificate in PEM; store the certificates of the CA in this file`)
  return { name, trustDomain, certificates: found.map((pem) => parsed(file, () => new X509Certificate(pem))) }
}

function readLists(file: string): ListInFile[] {
  const bytes = read(file, CRL_FILE_MAX_BYTES)
  const inPem = [...bytes.toString('latin1').matchAll(pemList)].map(([, text]) => Buffer.from(text!, 'base64'))
  const lists = inPem.length === 0 ? [bytes] : inPem
  return lists.map((der) => ({ ...parsed(file, () => parseRevocationList(der)), file }))
}

function read(file: string, maxBytes: number): Buffer {
  let size: number
  try {
    ;({ size } = statSync(file))
    if (size <= maxBytes) return readFileSync(file)
  } catch (error) {
    throw new Error(unreadableText(file, error))
  }
  throw new Error(
    `${file} is larger than ${formatSize(maxBytes)}: remove the certificates and revocation lists that no client needs`,
  )
}

function parsed<T>(file: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`)
  }
}
