import { z } from 'zod'
import { secretReference } from './secret.ts'
import { addProblem, type SettingsContext, settingSecret } from './settings-context.ts'
import { text } from './text-schemas.ts'

interface KeyListTerms<Key> {
  /** Name of the list under `keys` in the settings, such as `assertion`. */
  readonly name: string
  /** Sentence on the purpose of a key's `id`, for the configuration reference. */
  readonly id: string
  /** Required form of a secret, for descriptions and error messages. */
  readonly form: string
  /** Sentence about the actions that are possible for an attacker who has a secret of this list. */
  readonly danger: string
  readonly description: string
  /** Returns the parsed key, or a text that describes the error without quoting the secret. */
  read(secret: string): Key | string
}

/**
 * Schema of a list of keys under `keys` in the settings. The gate signs or encrypts with the first key, and verifies or
 * decrypts with all keys, so that keys can be rotated.
 */
export function keyList<Key extends object>(
  context: SettingsContext,
  { name, id, form, danger, description, read }: KeyListTerms<Key>,
) {
  const entry = z.strictObject({
    id: text('1 to 64 letters, digits, dots, - or _', /^[A-Za-z0-9._-]{1,64}$/)
      .describe(`${id} Unique in the list.`)
      .meta({ reload: 'restart' }),
    secret: secretReference
      .describe(`Reference to the key: ${form}. \`gatehouse keys generate ${name}\` prints one. ${danger}`)
      .meta({ reload: 'restart' }),
  })
  return z
    .array(entry)
    .transform((entries, ctx) => {
      const ids = new Set<string>()
      return entries.flatMap(({ id, secret: reference }, i) => {
        if (ids.has(id)) {
          const message = `duplicate key id \`${id}\` in keys.${name}`
          addProblem(ctx, { code: 'GH_CONFIG_VALUE', message, path: [i, 'id'], hint: 'give each key its own id' })
        }
        ids.add(id)
        const secret = settingSecret(reference, [i, 'secret'], ctx, context)
        const key = secret === undefined ? undefined : read(secret)
        if (typeof key === 'string') {
          const hint = `\`gatehouse keys generate ${name}\` prints a valid key`
          addProblem(ctx, { code: 'GH_CONFIG_SECRET', message: key, path: [i, 'secret'], hint })
        }
        return typeof key === 'object' ? [{ id, ...key }] : []
      })
    })
    .prefault([])
    .describe(description)
    .meta({ reload: 'restart' })
}

/**
 * Decodes a base64url secret into 32 bytes. Returns the bytes, or a text that describes the error without quoting the
 * secret.
 */
export function readRandomBytes(secret: string, form: string): Buffer | string {
  const bytes = Buffer.from(secret, 'base64url')
  return bytes.length === 32 && bytes.toString('base64url') === secret ? bytes : `must be ${form}`
}

/** Reads a key of 32 random bytes. For the member `read` of `keyList`. */
export function readRandomKey(secret: string, form: string): { readonly secret: Buffer } | string {
  const bytes = readRandomBytes(secret, form)
  return typeof bytes === 'string' ? bytes : { secret: bytes }
}
