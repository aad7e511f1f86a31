import { createECDH } from 'node:crypto'
import { z } from 'zod'
import { keyList } from './key-list.ts'
import type { SettingsContext } from './settings-context.ts'

/**
 * A P-256 private key as JWK (RFC 7518 §6.2) that signs identity assertions. Validation has verified that its public
 * part (`x`, `y`) belongs to its private part (`d`).
 */
export type PrivateJwk = {
  readonly kty: 'EC'
  readonly crv: 'P-256'
  readonly x: string
  readonly y: string
  readonly d: string
}

const keyForm = 'a private EC P-256 JWK in JSON'

/** Schema of the settings `keys.assertion`: keys that sign identity assertions. */
export const assertionKeys = (context: SettingsContext) =>
  keyList(context, {
    name: 'assertion',
    id: 'Published as `kid`, by which services find the key.',
    form: keyForm,
    danger: 'An attacker with this key can impersonate every user.',
    description:
      'Keys that sign identity assertions: a list, or { directory }. The first key signs until the first ' +
      '`gatehouse keys rotate assertion`; all keys are published. To rotate: append the new key, then run this command. ' +
      'All nodes share the keys. A reload without a key that is in use is rejected. Default []: no service can receive ' +
      'assertions.',
    read: readPrivateJwk,
  })

export type AssertionKeySetting = z.output<ReturnType<typeof assertionKeys>>[number]

const coordinate = /^[A-Za-z0-9_-]{43}$/
const jwkForm = z.object({
  kty: z.literal('EC'),
  crv: z.literal('P-256'),
  x: z.string().regex(coordinate),
  y: z.string().regex(coordinate),
  d: z.string().regex(coordinate),
})

/**
 * Returns the parsed private key for identity assertions, or a text that says what is wrong with it and does not quote
 * it.
 */
function readPrivateJwk(secret: string): { readonly jwk: PrivateJwk } | string {
  const json = parseJson(secret)
  const { success, data } = jwkForm.safeParse(json)
  if (!success) return `must be ${keyForm}`
  return isPair(data) ? { jwk: data } : 'must be a JWK whose public key (x, y) belongs to its private key (d)'
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * Whether the public part of the JWK belongs to its private part. If not, no service could verify signatures of the
 * key.
 */
function isPair({ x, y, d }: PrivateJwk): boolean {
  const pair = createECDH('prime256v1')
  try {
    pair.setPrivateKey(d, 'base64url')
  } catch {
    return false
  }
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')])
  return pair.getPublicKey().equals(point)
}
