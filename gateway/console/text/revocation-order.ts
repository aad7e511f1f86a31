import type { InputOf } from '../api/call.ts'
import { cliCommand } from './command-line.ts'

export const revocationKinds = ['subject', 'session', 'client', 'token', 'jti', 'issuer'] as const
export type RevocationKind = (typeof revocationKinds)[number]
export type RevocationBody = InputOf<'revoke'>['body']

/** Values of the form for a revocation. The token is never put into the address of the page. */
export interface RevocationForm {
  readonly kind: RevocationKind
  readonly id: string
  readonly token: string
  readonly issuer: string
  readonly before: string
}

export function revocationKind(text: string | null): RevocationKind {
  return revocationKinds.find((kind) => kind === text) ?? 'subject'
}

/**
 * Returns the body of the revocation call; `undefined` while the form lacks a value that its kind of revocation needs.
 */
export function revocationBody(form: RevocationForm, reason?: string): RevocationBody | undefined {
  const { kind, id, token, issuer, before } = form
  const why = reason === undefined ? {} : { reason }
  const of = issuer === '' ? {} : { issuer }
  if (kind === 'token') return token === '' ? undefined : { kind, token, ...of, ...why }
  if (kind === 'issuer') return issuer === '' || before === '' ? undefined : { kind, issuer, before, ...why }
  return id === '' ? undefined : { kind, id, ...of, ...why }
}

/**
 * Returns the `gatehouse revoke` command for a form. The command reads a token from standard input, because arguments
 * are visible in the process list.
 */
export function revocationCommand({ kind, id, issuer, before }: Omit<RevocationForm, 'token'>): string {
  if (kind === 'token') return cliCommand(['revoke'], { token: '-', issuer })
  if (kind === 'issuer') return cliCommand(['revoke'], { issuer, before })
  return cliCommand(['revoke'], { [kind]: id, issuer })
}

/** Tokens and sessions that each kind of revocation ends, and those that it does not. */
export const revocationEffects: Readonly<Record<RevocationKind, string>> = {
  subject:
    'All tokens and login sessions that this subject has now are rejected, and their streams end. Tokens that are issued later pass: the subject can log in again.',
  session: 'The login session and the tokens with this sid are rejected, and their streams end.',
  client: 'All tokens that this client has now are rejected, and their streams end. Tokens that are issued later pass.',
  token: 'This token is rejected until it expires, and its streams end. Other tokens of its subject pass.',
  jti: 'The token with this jti is rejected, and its streams end. Other tokens of its subject pass.',
  issuer:
    'All tokens that the issuer issued until this time are rejected, of all of its subjects and clients, and their streams end.',
}
