import type { TLSSocket } from 'node:tls'

/** Certificate that an upstream presented in a handshake, valid or not. */
export interface SeenCertificate {
  /** Names of the certificate, as Node.js prints them: bounded and printable, because the upstream chooses them. */
  readonly names: string
  /** End of the certificate's validity, ms since the epoch. */
  readonly validUntilMs: number
}

const NAMES_MAX = 200

/**
 * Reads the certificate of the upstream after a handshake.
 *
 * `getPeerX509Certificate` must not be used here: Node.js 24 then finds no certificate when it verifies the name.
 *
 * @returns `undefined` when the upstream presented none
 */
export function seenCertificate(socket: TLSSocket): SeenCertificate | undefined {
  const { subject, subjectaltname, valid_to } = socket.getPeerCertificate()
  if (valid_to === undefined) return undefined
  const names = (subjectaltname ?? (subject?.CN === undefined ? 'no name' : `CN=${subject.CN}`)).replaceAll(
    /[^\x20-\x7e]+/g,
    ' ',
  )
  return {
    names: names.length > NAMES_MAX ? `${names.slice(0, NAMES_MAX)}…` : names,
    validUntilMs: Date.parse(valid_to),
  }
}
