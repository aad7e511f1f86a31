import {
  type IssuerRules,
  neverIntrospected,
  noRevocationLookup,
  noTexts,
  type TokenFacts,
} from '../oauth/token-facts.ts'
import type { CallerCertificate } from '../x509/caller-certificate.ts'
import { type CertificateIdentity, identityOfNames } from '../x509/certificate-identity.ts'
import type { CertificateChain, ClientTrust } from '../x509/client-trust.ts'

/** A client certificate with the results of its verification, cached across requests. */
export class KnownCertificate {
  readonly certificate: CallerCertificate
  /** The trusted CAs under which the next three members were derived; `undefined` before the first verification. */
  #trust: ClientTrust | undefined
  /** Chain of the certificate up to a trusted root; `undefined` when no trusted CA issued the certificate. */
  #chain: CertificateChain | undefined
  #identity: CertificateIdentity | undefined
  #facts: TokenFacts | undefined

  constructor(certificate: CallerCertificate) {
    this.certificate = certificate
  }

  /** Value that `x5t#S256` has in tokens that are bound to this certificate (RFC 8705 §3.1). */
  get thumbprint(): string {
    return this.certificate.thumbprint
  }

  /** SHA-256 of the certificate in hexadecimal digits in upper case, for the audit record. */
  get fingerprint(): string {
    return this.certificate.fingerprint
  }

  /** Identity that the certificate proves. `undefined` if it proves none, and before the first verification. */
  get identity(): CertificateIdentity | undefined {
    return this.#identity
  }

  /**
   * Returns the chain of the certificate under these trusted CAs. Verifies signatures only when the trusted CAs have
   * changed.
   */
  chain(trust: ClientTrust, handshake: boolean): CertificateChain | undefined {
    if (this.#trust !== trust) {
      const { certificate } = this
      const chain = trust.verify(certificate, handshake)
      this.#trust = trust
      this.#chain = chain
      this.#identity = chain && certificate.names && identityOfNames(certificate.names, chain.ca)
      this.#facts = undefined
    }
    return this.#chain
  }

  /**
   * Facts about the caller, in the form of token facts, without scopes and claims. The same object is returned until
   * the trusted CAs change, so that it can hold derived data.
   *
   * @param rules  issuer of the identity
   * @param isCurrent  whether these trusted CAs are in force; if not, the facts must be derived again
   */
  facts(rules: IssuerRules, isCurrent: (trust: ClientTrust) => boolean): TokenFacts {
    this.#facts ??= factsOf(this.certificate, this.#chain!, this.#identity!.subject, rules, this.#trust!, isCurrent)
    return this.#facts
  }
}

const noScopes: ReadonlySet<string> = new Set()
const noClaims = Object.freeze({})

function factsOf(
  { validFromMs }: CallerCertificate,
  { validUntilMs }: CertificateChain,
  subject: string,
  issuer: IssuerRules,
  trust: ClientTrust,
  isCurrent: (trust: ClientTrust) => boolean,
): TokenFacts {
  return {
    issuer,
    key: {
      get live() {
        return isCurrent(trust)
      },
    },
    introspection: neverIntrospected,
    subject,
    client: undefined,
    confirmation: undefined,
    audience: [],
    scopes: noScopes,
    // Start of the certificate's validity, as time of issue. A revocation of the subject matches certificates that were
    // issued before it, like tokens.
    issuedAtS: validFromMs / 1000,
    expiresAtS: validUntilMs / 1000,
    tokenId: undefined,
    sessionId: undefined,
    acr: undefined,
    claims: noClaims,
    derived: [],
    revocation: noRevocationLookup(),
    texts: noTexts(),
  }
}
