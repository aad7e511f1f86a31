import { createPrivateKey, X509Certificate } from 'node:crypto'
import { pemCertificates } from './pem-certificates.ts'

/** Checks a text with certificates in PEM. Returns a description of the error; `undefined` when the text is valid. */
export function certificatesError(text: string): string | undefined {
  try {
    pemCertificates(text)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/**
 * Checks a text with a private key in PEM. Returns a description of the error, without the key; `undefined` when the
 * text is valid.
 */
export function privateKeyError(text: string): string | undefined {
  try {
    createPrivateKey(text)
    return undefined
  } catch {
    return 'is not a private key in PEM without a passphrase'
  }
}

/** Whether a private key belongs to the first certificate in a text. Both are in PEM. */
export function keyFits(certificates: string, key: string): boolean {
  try {
    return new X509Certificate(certificates).checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}
