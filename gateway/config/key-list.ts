import { z } from 'zod'
import { filePath } from './file-path.ts'
import { type KeyFile, readKeyFolder } from './key-folder.ts'
import type { KeyKind } from './key-kinds.ts'
import type { DocumentPath } from './problem.ts'
import { secretReference } from './secret.ts'
import { addProblem, type SettingsContext, settingSecret } from './settings-context.ts'
import { text } from './text-schemas.ts'

interface KeyListTerms<Key> {
  /** Name of the list under `keys` in the settings, such as `assertion`. */
  readonly name: KeyKind
  /** Sentence for the configuration reference: the purpose of a key's `id`. */
  readonly id: string
  /** Required form of a secret in the list of keys, for descriptions and error messages. */
  readonly form: string
  /** Sentence for the configuration reference: what an attacker can do who has a secret of this list. */
  readonly danger: string
  readonly description: string
  /**
   * Parses a secret of the list. Returns the key, or a text that says what is wrong with the secret and does not quote
   * it.
   */
  read(secret: string): Key | string
}

/**
 * Schema of the keys of one kind under `keys` in the settings: a list, or a folder with one file per key. One key, the
 * writing key, signs or encrypts. All keys of the list verify or decrypt, so that the writing key can be changed
 * without an interruption.
 */
export function keyList<Key extends object>(context: SettingsContext, terms: KeyListTerms<Key>) {
  const { name, id, form, danger, description } = terms
  const entry = z.strictObject({
    id: text('1 to 64 letters, digits, dots, - or _', keyId).describe(`${id} Unique in the list.`).meta(live),
    secret: secretReference
      .describe(`Reference to the key: ${form}. \`gatehouse keys generate ${name}\` prints one. ${danger}`)
      .meta(live),
  })
  const folder = z.strictObject({
    directory: filePath
      .describe(
        'Folder with one file per key. The name of a file is the id of its key; names that start with a dot are skipped. ' +
          'Until `gatehouse keys rotate`, the first key by name writes.',
      )
      .meta(live),
  })
  return z
    .union([z.array(entry), folder], { error: 'must be a list of keys, or { directory: PATH }' })
    .transform((given, ctx): ({ readonly id: string } & Key)[] => {
      const reader = new KeyReader(terms, ctx, context)
      if (!Array.isArray(given)) return reader.folder(given.directory)
      return given.flatMap(({ id, secret: reference }, i) => {
        const { file } = reference
        if (file !== undefined) context.keyFiles.push(file)
        const source = file === undefined ? `env ${reference.env}` : `file ${file}`
        return reader.key(id, settingSecret(reference, [i, 'secret'], ctx, context), source, [i])
      })
    })
    .prefault([])
    .describe(description)
    .meta(live)
}

const live = { reload: 'live' } as const
const keyId = /^[A-Za-z0-9._-]{1,64}$/

/** Reads the keys of one list, and adds every error to the validation of the settings. @bound settings */
class KeyReader<Key extends object> {
  readonly #terms: KeyListTerms<Key>
  readonly #ctx: z.RefinementCtx
  readonly #context: SettingsContext
  readonly #ids = new Set<string>()

  constructor(terms: KeyListTerms<Key>, ctx: z.RefinementCtx, context: SettingsContext) {
    this.#terms = terms
    this.#ctx = ctx
    this.#context = context
  }

  folder(folder: string): ({ readonly id: string } & Key)[] {
    const { warnings, keyFiles } = this.#context
    keyFiles.push(folder)
    const at = ['directory']
    const found = readKeyFolder(folder)
    if (typeof found === 'string') {
      addProblem(this.#ctx, { code: 'GH_CONFIG_SECRET', message: found, path: at })
      return []
    }
    return found.flatMap(({ id, path, secret, failure, warning }: KeyFile) => {
      if (warning !== undefined) warnings.push(warning)
      const valid =
        failure ?? (keyId.test(id) ? undefined : `file name of ${path} must be 1 to 64 letters, digits, dots, - or _`)
      if (valid === undefined) return this.key(id, secret, `file ${path}`, at, path)
      addProblem(this.#ctx, { code: 'GH_CONFIG_SECRET', message: valid, path: at })
      return []
    })
  }

  /**
   * Parses one key of the settings.
   *
   * @param path  path of the key's entry in the list, or of the setting that names the folder
   * @param file  file of a key in a folder, for the error message
   */
  key(
    id: string,
    secret: string | undefined,
    source: string,
    path: DocumentPath,
    file?: string,
  ): ({ readonly id: string } & Key)[] {
    const { name, read } = this.#terms
    if (this.#ids.has(id)) {
      const message = `duplicate key id \`${id}\` in keys.${name}`
      addProblem(this.#ctx, {
        code: 'GH_CONFIG_VALUE',
        message,
        path: [...path, 'id'],
        hint: 'give each key its own id',
      })
    }
    this.#ids.add(id)
    const key = secret === undefined ? undefined : read(secret)
    if (typeof key === 'string') {
      const hint = `\`gatehouse keys generate ${name}\` prints a valid key`
      const message = file === undefined ? key : `${file} ${key}`
      const at = file === undefined ? [...path, 'secret'] : path
      addProblem(this.#ctx, { code: 'GH_CONFIG_SECRET', message, path: at, hint })
    }
    if (typeof key !== 'object') return []
    this.#context.keySources.push({ kind: name, id, source })
    return [{ id, ...key }]
  }
}

/**
 * Decodes a base64url secret of a key list into 32 bytes. Returns the bytes, or a text that describes the error without
 * quoting the secret.
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
