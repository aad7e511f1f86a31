import { type IgnoredKey, importPublishedKey, type PublishedKey } from './published-key.ts'

/** Maximum number of keys in a key set. Usual issuers have fewer than ten; each key costs an import. */
const maxKeys = 100

/** Maximum number of keys tried for one token. Limits the work when several keys have the same `kid`. */
const maxCandidates = 4

/** The keys of one key set fetch. Immutable, except that its keys can be retired (made invalid) later. */
export class PublishedKeySet {
  static readonly empty = new PublishedKeySet([], [])

  readonly keys: readonly PublishedKey[]
  readonly ignored: readonly IgnoredKey[]
  /**
   * Published keys by their id (`kid`). @bound {@link maxKeys} keys | the key set is rejected |
   * gatehouse_issuer_keys_failing
   */
  readonly #byKeyId = new Map<string, PublishedKey[]>()

  private constructor(keys: readonly PublishedKey[], ignored: readonly IgnoredKey[]) {
    this.keys = keys
    this.ignored = ignored
    for (const key of keys) {
      if (key.keyId === undefined) continue
      const named = this.#byKeyId.get(key.keyId)
      if (named === undefined) this.#byKeyId.set(key.keyId, [key])
      else named.push(key)
    }
  }

  /**
   * Imports those keys of an issuer's key set (RFC 7517 §5) that can be used with `algorithms`. For a key that is equal
   * to a key in `before`, the object of that key is used again, so that tokens that were verified with it stay
   * verified.
   *
   * @throws {Error} when the document is not a key set, or has more than 100 keys
   */
  static async read(
    document: unknown,
    algorithms: ReadonlySet<string>,
    before: PublishedKeySet = PublishedKeySet.empty,
  ): Promise<PublishedKeySet> {
    const published = (document as { keys?: unknown } | null | undefined)?.keys
    if (!Array.isArray(published)) throw new Error('the document is not a JSON Web Key Set')
    if (published.length > maxKeys)
      throw new Error(`the JWK Set has ${published.length} keys; the maximum is ${maxKeys}`)

    const known = new Map(before.keys.map((key) => [key.identity, key]))
    const keys = new Map<string, PublishedKey>()
    const ignored: IgnoredKey[] = []
    for (const imported of await Promise.all(published.map((jwk) => importPublishedKey(jwk, algorithms)))) {
      if ('why' in imported) ignored.push(imported)
      else for (const key of imported) keys.set(key.identity, known.get(key.identity) ?? key)
    }
    return new PublishedKeySet([...keys.values()], ignored)
  }

  candidates(keyId: string | undefined, algorithm: string): readonly PublishedKey[] {
    const named = keyId === undefined ? this.keys : (this.#byKeyId.get(keyId) ?? [])
    const fitting = named.filter((key) => key.algorithm === algorithm)
    if (keyId === undefined && fitting.length !== 1) return []
    return fitting.slice(0, maxCandidates)
  }

  /**
   * Retires the issuer keys that the new key set `next` does not contain: everything that they verified becomes
   * invalid.
   */
  retireBut(next: PublishedKeySet): void {
    const kept = new Set(next.keys)
    for (const key of this.keys) if (!kept.has(key)) key.retire()
  }
}
