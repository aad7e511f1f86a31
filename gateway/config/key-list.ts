import { z } from 'zod'
import { text } from './parsed.ts'
import { secretReference } from './secret.ts'

/** How a secret of 32 random bytes is read. @returns the bytes, or what is wrong with them, without a word of them */
export function readRandomKey(form: string): (secret: string) => Buffer | string {
  return (secret) => {
    const bytes = Buffer.from(secret, 'base64url')
    return bytes.length === 32 && bytes.toString('base64url') === secret ? bytes : `is not ${form}`
  }
}

interface KeyList {
  /** What the id is for. */
  readonly id: string
  /** What a secret has to be, and where one comes from. */
  readonly form: string
  /** What whoever has a secret can do. */
  readonly danger: string
  readonly description: string
}

/** A list under `keys`: the first key writes, all read, so that a rotation overlaps. */
export function keyList({ id, form, danger, description }: KeyList) {
  const entry = z.strictObject({
    id: text('1 to 64 letters, digits, dots, - or _', /^[A-Za-z0-9._-]{1,64}$/)
      .describe(`${id} Every key needs its own.`)
      .meta({ reload: 'restart' }),
    secret: secretReference.describe(`Where the key is: ${form}. ${danger}`).meta({ reload: 'restart' }),
  })
  return z.array(entry).prefault([]).describe(description).meta({ reload: 'restart' })
}
