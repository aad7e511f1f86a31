/**
 * Login sessions of the gate, by their own ids, whenever they began. `issuer` is the identifier, which the policy may have
 * dropped meanwhile.
 */
export type OwnSessionsOrder = { readonly kind: 'session'; readonly ids: readonly [string, ...string[]] } & (
  | { readonly issuer: string; readonly endsAtS: number }
  /** Redis has lost the records of these sessions: their issuer and their end are unknown. */
  | { readonly issuer: undefined }
)

/**
 * A token. `issuer`, by name or identifier, is whose the token is: of several issuers only this one is asked about an
 * opaque token.
 */
export type TokenOrder = { readonly kind: 'token'; readonly token: string; readonly issuer?: string }

/** What is to be revoked, and why: the reason is for the log, 200 printable characters at most. */
export type RevocationOrder = { readonly reason?: string } & (
  | TokenOrder
  | {
      readonly kind: 'jti' | 'session' | 'subject' | 'client'
      readonly id: string
      readonly issuer?: string
    }
  | OwnSessionsOrder
  /** All that the issuer issued before that moment, s since the epoch. */
  | { readonly kind: 'issuer'; readonly issuer: string; readonly beforeS: number }
)

export type RefusalCode =
  | 'revocation_malformed'
  | 'revocation_issuer_unknown'
  | 'revocation_issuer_needed'
  | 'revocation_in_future'
  | 'revocations_full'

/** An order that cannot be carried out as it is. Nothing was written. The message never quotes what was to be revoked. */
export class RevocationRefused extends Error {
  override readonly name = 'RevocationRefused'
  readonly code: RefusalCode
  readonly hint: string

  constructor(code: RefusalCode, message: string, hint: string) {
    super(message)
    this.code = code
    this.hint = hint
  }
}
