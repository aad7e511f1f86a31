import { X509Certificate } from 'node:crypto'

const block = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]*-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g
const begin = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----/g

/**
 * Parses all certificates in a PEM text. Text between the certificates is ignored.
 *
 * @throws {Error} when the text has no certificate, or has an invalid or incomplete one
 */
export function pemCertificates(text: string): readonly X509Certificate[] {
  const blocks = text.match(block) ?? []
  if (blocks.length === 0) throw new Error('contains no certificate in PEM')
  if (blocks.length !== text.match(begin)!.length) throw new Error('contains an incomplete certificate')
  return blocks.map((pem, i) => {
    try {
      return new X509Certificate(pem)
    } catch {
      throw new Error(`contains an invalid certificate (number ${i + 1} in the file)`)
    }
  })
}
