import type { Expiry, ExpirySource } from '../base/expiries.ts'
import type { CertificateReason } from '../base/reasons.ts'
import type { Settings } from '../config/settings.ts'
import type { IssuerRules, TokenFacts } from '../oauth/token-facts.ts'
import { parseCallerCertificate } from '../x509/caller-certificate.ts'
import { caIssuer, spiffeIssuer } from '../x509/certificate-identity.ts'
import type { ClientTrust } from '../x509/client-trust.ts'
import { KnownCertificate } from './known-certificate.ts'

/**
 * A client certificate in DER with its intermediate CAs. Either the client presented it in TLS, or a proxy stated it.
 */
export interface PresentedCertificate {
  readonly der: Buffer
  readonly chain: readonly Buffer[]
}

/** Header field in which trusted proxies state the certificate of the client. */
export type CertificateField = 'client-cert' | 'x-forwarded-client-cert' | 'nginx-escaped'

/** Name of the header field for each setting, in lower case. The Ingress controller of nginx uses `ssl-client-cert`. */
export const certificateFieldNames = {
  'client-cert': 'client-cert',
  'x-forwarded-client-cert': 'x-forwarded-client-cert',
  'nginx-escaped': 'ssl-client-cert',
} as const satisfies Readonly<Record<CertificateField, string>>

export interface ClientCertificatesOptions {
  readonly field: CertificateField | undefined
  /** Whether each connection to the listener must have a client certificate. */
  readonly required: boolean
  /**
   * CAs in force; `undefined`: only the validity dates of certificates are checked, and no certificate identifies a
   * caller.
   */
  readonly trust: ClientTrust | undefined
}

/** Maximum length of the text of a certificate, characters. A longer text is rejected as malformed. */
const TEXT_MAX = 24 * 1024
/**
 * Maximum number of certificates in each of the two generations of a cache, and maximum length of all their texts
 * together, characters.
 */
const GENERATION_MAX = 4096
const GENERATION_MAX_TEXT = 8 * 1024 * 1024

/** Parses each client certificate once, and checks it for each request. */
export class ClientCertificates implements ExpirySource {
  readonly field: CertificateField | undefined
  readonly required: boolean
  /**
   * Issuers that stand for the CAs and SPIFFE trust domains of client certificates, by issuer identifier. The CAs of a
   * running node never change their names.
   */
  readonly issuers: ReadonlyMap<string, IssuerRules>
  /**
   * Certificates of connections and of header fields have separate caches, because only the certificates of connections
   * were verified in a TLS handshake of this gate.
   */
  readonly #ofConnections = new CertificateCache()
  readonly #ofFields = new CertificateCache()
  #trust: ClientTrust | undefined

  constructor({ field, required, trust }: ClientCertificatesOptions) {
    this.field = field
    this.required = required
    this.#trust = trust
    this.issuers = issuersOf(trust, () => this.#trust!)
  }

  /**
   * Trusted CAs and revocation lists in force. After a change, all later checks use the new ones, also for certificates
   * on open connections.
   */
  get trust(): ClientTrust | undefined {
    return this.#trust
  }

  set trust(trust: ClientTrust | undefined) {
    this.#trust = trust
  }

  /** Returns the CAs and revocation lists in force. */
  *expiries(): Iterable<Expiry> {
    for (const { name: ca, certificates } of this.#trust?.cas ?? []) {
      for (const { subject, validToDate } of certificates) {
        const name = `${ca} ${subject.replaceAll(/\s+/g, ' ')}`
        yield { kind: 'client-ca', name, expiresAtMs: validToDate.getTime() }
      }
    }
    for (const { file, nextUpdateMs } of this.#trust?.lists ?? []) {
      yield { kind: 'revocation-list', name: file, expiresAtMs: nextUpdateMs }
    }
  }

  /**
   * Returns the name of the header field in which trusted proxies state the certificate of a client; `undefined`: in
   * none.
   */
  get fieldName(): string | undefined {
    return this.field && certificateFieldNames[this.field]
  }

  /**
   * Returns the certificate of a TLS connection, from its text.
   *
   * @param read  parses the text; called only for a text that is not cached
   * @returns `undefined` when the text is not a certificate
   */
  ofConnection(text: string, read: (text: string) => PresentedCertificate | undefined): KnownCertificate | undefined {
    return this.#ofConnections.find(text, read)
  }

  /**
   * Returns the certificate that a trusted proxy states in a header field, from the text of the field. Parameters as
   * for {@link ofConnection}.
   */
  ofField(text: string, read: (text: string) => PresentedCertificate | undefined): KnownCertificate | undefined {
    return this.#ofFields.find(text, read)
  }

  /**
   * Checks a certificate for the current request: issued by a trusted CA, valid now and not revoked.
   *
   * @param handshake  CAs that verified the certificate in the handshake of its connection; `undefined` for a certificate
   *   from a header field
   * @returns `undefined` when the certificate is good
   */
  check(known: KnownCertificate, nowMs: number, handshake: ClientTrust | undefined): CertificateReason | undefined {
    const trust = this.#trust
    if (trust === undefined) {
      const { validFromMs, validUntilMs } = known.certificate
      return nowMs >= validFromMs && nowMs < validUntilMs ? undefined : 'certificate-expired'
    }
    const chain = known.chain(trust, handshake !== undefined)
    if (chain === undefined) return 'certificate-untrusted'
    if (chain.byHandshake && (handshake === undefined || !trust.covers(handshake))) return 'certificate-untrusted'
    if (nowMs < chain.validFromMs || nowMs >= chain.validUntilMs) return 'certificate-expired'
    if (chain.revoked) return 'certificate-revoked'
    return nowMs < chain.statusUntilMs ? undefined : 'certificate-status-unknown'
  }

  /** Returns the facts about a caller that {@link check} admitted; `undefined` when the certificate has no identity. */
  factsOf(known: KnownCertificate): TokenFacts | undefined {
    const { identity } = known
    const rules = identity && this.issuers.get(identity.issuer)
    return rules && known.facts(rules, this.#isCurrent)
  }

  readonly #isCurrent = (trust: ClientTrust): boolean => trust === this.#trust
}

/**
 * Opens the client certificates of a node. Returns `undefined` when the node accepts none, at its listener or from
 * proxies.
 */
export function openClientCertificates(
  settings: Pick<Settings, 'clientTls' | 'certificateField'>,
): ClientCertificates | undefined {
  const { clientTls, certificateField: field } = settings
  if (clientTls === undefined && field === undefined) return undefined
  return new ClientCertificates({ field, required: clientTls?.mode === 'required', trust: clientTls?.trust })
}

/**
 * Bounded cache of parsed certificates, in two generations. When the young generation is full, it replaces the old one.
 * A certificate that is found in the old generation moves to the young one.
 */
class CertificateCache {
  /**
   * Parsed certificates by their text.
   *
   * @bound {@link GENERATION_MAX} certificates and 8 MiB | the older generation is dropped | none
   */
  #young = new Map<string, KnownCertificate>()
  #youngText = 0
  /**
   * Parsed certificates of the previous generation.
   *
   * @bound {@link GENERATION_MAX} certificates and 8 MiB | the older generation is dropped | none
   */
  #old: ReadonlyMap<string, KnownCertificate> = new Map()

  find(text: string, read: (text: string) => PresentedCertificate | undefined): KnownCertificate | undefined {
    const young = this.#young.get(text)
    if (young !== undefined) return young
    const known = this.#old.get(text) ?? parsed(text, read)
    if (known === undefined) return undefined
    if (this.#young.size >= GENERATION_MAX || this.#youngText > GENERATION_MAX_TEXT) {
      this.#old = this.#young
      this.#young = new Map()
      this.#youngText = 0
    }
    this.#young.set(text, known)
    this.#youngText += text.length
    return known
  }
}

function parsed(text: string, read: (text: string) => PresentedCertificate | undefined): KnownCertificate | undefined {
  if (text.length > TEXT_MAX) return undefined
  try {
    const presented = read(text)
    return presented && new KnownCertificate(parseCallerCertificate(presented.der, presented.chain))
  } catch {
    return undefined
  }
}

function issuersOf(trust: ClientTrust | undefined, current: () => ClientTrust): ReadonlyMap<string, IssuerRules> {
  const names = new Set<string>()
  for (const { name, trustDomain } of trust?.cas ?? []) {
    names.add(caIssuer(name))
    if (trustDomain !== undefined) names.add(spiffeIssuer(trustDomain))
  }
  return new Map([...names].map((name) => [name, rulesOf(name, current)]))
}

/**
 * Builds the issuer that stands for a CA or a SPIFFE trust domain of client certificates. Its identifier is not the URL
 * of an authorization server.
 */
function rulesOf(issuer: string, current: () => ClientTrust): IssuerRules {
  const none: ReadonlySet<string> = new Set()
  return {
    name: issuer,
    issuer,
    audience: none,
    algorithms: none,
    profile: 'any',
    clockToleranceS: 0,
    /**
     * Returns the time until the last CA certificate expires, s. A revocation of a subject must last for this time,
     * because client certificates can be valid as long.
     */
    get maxTokenLifetimeS() {
      return Math.max(0, current().validUntilMs - Date.now()) / 1000
    },
    scopeClaim: 'scope',
    scopeArray: false,
    clientClaim: undefined,
    jwksUri: undefined,
    keysStaleMs: 0,
    tokens: 'jwt',
    introspection: undefined,
    login: undefined,
    recheckMs: undefined,
  }
}
