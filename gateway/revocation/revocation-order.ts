/**
 * Revokes login sessions of the gate by their session ids, whatever their age. `issuer` is an issuer identifier, which
 * the current policy may no longer contain. `endsAtS` is the expiry of the sessions, s since the Unix epoch.
 */
export type OwnSessionsOrder = { readonly kind: 'session'; readonly ids: readonly [string, ...string[]] } & (
  | { readonly issuer: string; readonly endsAtS: number }
  /** Members for sessions whose records Redis lost: their issuer and expiry are unknown. */
  | { readonly issuer: undefined }
)

/**
 * Revokes one token. `issuer` is the name or identifier of the token's issuer. If `issuer` is set, an opaque token is
 * introspected only at this issuer.
 */
export type TokenOrder = { readonly kind: 'token'; readonly token: string; readonly issuer?: string }

/** A revocation order. `reason` is written to the log: at most 200 printable characters. */
export type RevocationOrder = { readonly reason?: string } & (
  | TokenOrder
  | {
      readonly kind: 'jti' | 'session' | 'subject' | 'client'
      readonly id: string
      readonly issuer?: string
    }
  | OwnSessionsOrder
  /** Revokes all tokens and sessions that the issuer issued before `beforeS`, s since the Unix epoch. */
  | { readonly kind: 'issuer'; readonly issuer: string; readonly beforeS: number }
)

export type RefusalCode =
  | 'revocation_malformed'
  | 'revocation_issuer_unknown'
  | 'revocation_issuer_needed'
  | 'revocation_in_future'
  | 'revocations_full'

/**
 * Error of a revocation order that was refused. No revocation was written. The message never quotes a token or an id
 * from the order.
 */
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
