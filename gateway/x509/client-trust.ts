import { createHash, type KeyObject, type X509Certificate } from 'node:crypto'
import { type CallerCertificate, serialOf, subjectOf } from './caller-certificate.ts'
import type { NamedCa } from './certificate-identity.ts'
import type { RevocationList } from './revocation-list.ts'

/** A CA of `tls.client.ca` with its certificates: root and intermediate CAs. */
export interface ClientCa extends NamedCa {
  readonly certificates: readonly X509Certificate[]
}

/** A revocation list of `tls.client.crl` with its file, for error messages. */
export interface ListInFile extends RevocationList {
  readonly file: string
}

/** Result of the verification of a certificate. It holds for as long as the trusted CAs and revocation lists do not change. */
export interface CertificateChain {
  readonly ca: NamedCa
  /** Start and end of the time in which the certificate and all CAs above it are valid, ms since the epoch. */
  readonly validFromMs: number
  readonly validUntilMs: number
  /** Whether the certificate or a CA above it is revoked. */
  readonly revoked: boolean
  /**
   * Time until which the revocation lists can tell whether the certificates of the chain are revoked, ms since the
   * epoch. Infinity without `crl`; -Infinity when the issuing CA has no list.
   */
  readonly statusUntilMs: number
  /**
   * True when only the TLS handshake verified the chain, because an intermediate CA is not in `tls.client.ca`. The result
   * then holds only for connections whose handshake trusted no CA that has since been removed.
   */
  readonly byHandshake: boolean
}

/** Maximum number of certificates in a chain. */
const CHAIN_MAX = 8

/** A trusted CA certificate with its CA and the revocation list that the CA issued. */
interface Anchor {
  readonly ca: ClientCa
  readonly x509: X509Certificate
  readonly key: KeyObject
  readonly list: RevocationList | undefined
}

/** Results for the part of a certificate chain that has been verified so far, from the client certificate upwards. */
interface Climb {
  validFromMs: number
  validUntilMs: number
  revoked: boolean
  statusUntilMs: number
}

/** The CAs whose client certificates are accepted, and their revocation lists. Immutable: a reload makes a new object. */
export class ClientTrust {
  readonly cas: readonly ClientCa[]
  readonly lists: readonly ListInFile[]
  /** All CA certificates in PEM, for the listener. */
  readonly pem: string
  /** SHA-256 of all certificates and lists, in hexadecimal. Equal fingerprints mean equal trust. */
  readonly fingerprint: string
  /** SHA-256 of the CA certificates alone. */
  readonly caFingerprint: string
  /** End of the validity of the CA certificate that is valid longest, ms since the epoch. */
  readonly validUntilMs: number
  readonly #anchors: readonly Anchor[]
  readonly #usesLists: boolean
  readonly #thumbprints: ReadonlySet<string>
  readonly #covered = new WeakMap<ClientTrust, boolean>()

  /**
   * @param lists  revocation lists; empty: no certificate is checked for revocation by its CA
   * @throws {Error} when a CA certificate is unsuitable, or no trusted CA has signed a list
   */
  constructor(cas: readonly ClientCa[], lists: readonly ListInFile[]) {
    this.cas = cas
    this.lists = lists
    for (const ca of cas) requireComplete(ca)
    requireDistinct(cas)
    this.#anchors = cas.flatMap((ca) => ca.certificates.map((x509) => anchorOf(ca, x509, lists)))
    this.#usesLists = lists.length > 0
    requireSigned(lists, this.#anchors)
    if (this.#usesLists) requireListPerCa(cas, this.#anchors)
    const certificates = cas.flatMap((ca) => ca.certificates)
    this.pem = certificates.map(String).join('')
    this.#thumbprints = new Set(certificates.map(({ fingerprint256 }) => fingerprint256))
    this.caFingerprint = digest(cas.map(({ name, certificates }) => `${name} ${certificates.map(String).join('')}`))
    this.fingerprint = digest([this.caFingerprint, ...lists.map((list) => list.fingerprint)])
    this.validUntilMs = Math.max(...certificates.map(({ validToDate }) => validToDate.getTime()))
  }

  /**
   * Verifies the chain of a certificate up to a trusted root: signatures, validity and revocation.
   *
   * Does not evaluate name constraints and path lengths: the TLS handshake of the gate or of the proxy has already
   * evaluated them.
   *
   * @param handshake  true when a TLS handshake of this gate has verified the chain
   * @returns `undefined` when no trusted CA has issued the certificate
   */
  verify(certificate: CallerCertificate, handshake: boolean): CertificateChain | undefined {
    if (!certificate.forClients) return undefined
    const { validFromMs, validUntilMs, intermediates } = certificate
    const climb = { validFromMs, validUntilMs, revoked: false, statusUntilMs: Number.POSITIVE_INFINITY }
    let child = certificate.x509
    for (let length = 1; length < CHAIN_MAX; length++) {
      const anchor = this.#issuerOf(child)
      if (anchor !== undefined) return this.#climb(climb, certificate, child, anchor)
      const next = intermediates.find((x509) => x509.ca && x509 !== child && isIssuedBy(child, x509, x509.publicKey))
      if (next === undefined) break
      restrict(climb, next)
      // The issuer of this certificate is not in `tls.client.ca`, so its revocation list is missing, and it is unknown
      // whether the certificate is revoked.
      if (child === certificate.x509 && this.#usesLists) climb.statusUntilMs = Number.NEGATIVE_INFINITY
      child = next
    }
    return handshake && this.cas.length === 1 ? this.#unlisted(climb) : undefined
  }

  /** Whether these trusted CAs include every CA certificate of the other object. */
  covers(other: ClientTrust): boolean {
    if (other === this) return true
    let covered = this.#covered.get(other)
    if (covered === undefined) {
      covered = [...other.#thumbprints].every((each) => this.#thumbprints.has(each))
      this.#covered.set(other, covered)
    }
    return covered
  }

  /**
   * Returns the trusted CA certificate that issued a certificate. If a CA has several certificates with the same key,
   * returns the one that is valid longest, because an expired certificate stays in the file for a while after a
   * renewal.
   */
  #issuerOf(child: X509Certificate): Anchor | undefined {
    let found: Anchor | undefined
    for (const anchor of this.#anchors) {
      if (found !== undefined && anchor.x509.validToDate <= found.x509.validToDate) continue
      if (isIssuedBy(child, anchor.x509, anchor.key)) found = anchor
    }
    return found
  }

  #unlisted(climb: Climb): CertificateChain {
    const statusUntilMs = this.#usesLists ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
    return { ...climb, statusUntilMs, ca: this.cas[0]!, byHandshake: true }
  }

  /**
   * Follows the issuers from a trusted CA certificate up to its root, and collects validity and revocation. Stops at
   * the maximum length of a chain, because CAs that certify each other have no root.
   */
  #climb(
    climb: Climb,
    { x509: leaf, serial }: CallerCertificate,
    first: X509Certificate,
    anchor: Anchor,
  ): CertificateChain {
    let child = first
    let issuer: Anchor | undefined = anchor
    for (let length = 1; issuer !== undefined && length < CHAIN_MAX; length++) {
      const { list, x509 }: Anchor = issuer
      if (list !== undefined) {
        climb.revoked ||= list.revoked.has(child === leaf ? serial : serialOf(child))
        climb.statusUntilMs = Math.min(climb.statusUntilMs, list.nextUpdateMs)
      } else if (child === leaf && this.#usesLists) climb.statusUntilMs = Number.NEGATIVE_INFINITY
      restrict(climb, x509)
      child = x509
      issuer = isSelfIssued(x509) ? undefined : this.#issuerOf(x509)
    }
    return { ...climb, ca: anchor.ca, byHandshake: false }
  }
}

function restrict(climb: Climb, { validFromDate, validToDate }: X509Certificate): void {
  climb.validFromMs = Math.max(climb.validFromMs, validFromDate.getTime())
  climb.validUntilMs = Math.min(climb.validUntilMs, validToDate.getTime())
}

function isIssuedBy(child: X509Certificate, issuer: X509Certificate, key: KeyObject): boolean {
  return child.checkIssued(issuer) && child.verify(key)
}

function isSelfIssued(x509: X509Certificate): boolean {
  return isIssuedBy(x509, x509, x509.publicKey)
}

function anchorOf(ca: ClientCa, x509: X509Certificate, lists: readonly ListInFile[]): Anchor {
  const key = x509.publicKey
  const subject = subjectOf(x509)
  const own = lists.filter((list) => list.issuer.equals(subject) && list.signedBy(key))
  // Use the newest revocation list of a CA: it also contains the entries of older lists.
  const list = own.toSorted((a, b) => b.nextUpdateMs - a.nextUpdateMs)[0]
  return { ca, x509, key, list }
}

function requireComplete({ name, certificates }: ClientCa): void {
  const notCa = certificates.find(({ ca }) => !ca)
  if (notCa !== undefined) throw new Error(`CA ${name} contains a certificate that is not a CA: ${shown(notCa)}`)
  for (const x509 of certificates) {
    if (certificates.some((issuer) => isIssuedBy(x509, issuer, issuer.publicKey))) continue
    throw new Error(`CA ${name} lacks the issuer of its certificate ${shown(x509)}; add the CAs up to the root`)
  }
}

function requireDistinct(cas: readonly ClientCa[]): void {
  const owners = new Map<string, string>()
  for (const { name, certificates } of cas) {
    for (const { fingerprint256 } of certificates) {
      const other = owners.get(fingerprint256)
      if (other !== undefined && other !== name) {
        throw new Error(`CA ${name} contains a certificate of CA ${other}; each certificate belongs to one CA`)
      }
      owners.set(fingerprint256, name)
    }
  }
}

function requireSigned(lists: readonly ListInFile[], anchors: readonly Anchor[]): void {
  const foreign = lists.find(
    (list) => !anchors.some(({ x509, key }) => list.issuer.equals(subjectOf(x509)) && list.signedBy(key)),
  )
  if (foreign !== undefined) throw new Error(`revocation list ${foreign.file} is not signed by a CA of tls.client.ca`)
}

function requireListPerCa(cas: readonly ClientCa[], anchors: readonly Anchor[]): void {
  const bare = cas.find((ca) => !anchors.some((anchor) => anchor.ca === ca && anchor.list !== undefined))
  if (bare === undefined) return
  throw new Error(`CA ${bare.name} has no revocation list in tls.client.crl; with crl, each CA needs one`)
}

function shown({ subject }: X509Certificate): string {
  return subject.replaceAll('\n', ', ')
}

function digest(parts: readonly string[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part).update('\0')
  return hash.digest('hex')
}
