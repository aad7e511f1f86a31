import { z } from 'zod'
import { text } from './parsed.ts'
import { secretReference } from './secret.ts'

/**
 * Returns a parser for a secret of 32 random bytes. @returns the bytes, or a text that describes the error without
 * quoting the secret
 */
export function readRandomKey(form: string): (secret: string) => Buffer | string {
  return (secret) => {
    const bytes = Buffer.from(secret, 'base64url')
    return bytes.length === 32 && bytes.toString('base64url') === secret ? bytes : `is not ${form}`
  }
}

interface KeyList {
  /** Purpose of the id. */
  readonly id: string
  /** Required form of a secret, and how to generate one. */
  readonly form: string
  /** Capabilities of an attacker who has a secret. */
  readonly danger: string
  readonly description: string
}

/**
 * Schema of a list under `keys`. The first key is used for writing, all keys for reading, so that keys can be rotated.
 */
export function keyList({ id, form, danger, description }: KeyList) {
  const entry = z.strictObject({
    id: text('1 to 64 letters, digits, dots, - or _', /^[A-Za-z0-9._-]{1,64}$/)
      .describe(`${id} Every key needs its own.`)
      .meta({ reload: 'restart' }),
    secret: secretReference.describe(`Where the key is: ${form}. ${danger}`).meta({ reload: 'restart' }),
  })
  return z.array(entry).prefault([]).describe(description).meta({ reload: 'restart' })
}
