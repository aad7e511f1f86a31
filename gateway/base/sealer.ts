import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'
import type { KeyRing } from './key-ring.ts'

/** An encryption key for data in Redis, with its id. */
export interface SealKey {
  /** Key id: 1 to 64 ASCII characters. The id is stored unencrypted in each encrypted blob. */
  readonly id: string
  /** Encryption key: 32 random bytes. */
  readonly secret: Uint8Array
}

const FORM = 1
const NONCE_BYTES = 12
const TAG_BYTES = 16

interface DerivedKeys {
  readonly id: string
  /** Secret from which the keys are derived. */
  readonly secret: Uint8Array
  readonly seal: Uint8Array
  readonly name: Uint8Array
}

/**
 * Encrypts data with AES-256-GCM for a storage place that others can read. An encrypted blob is bound to its storage
 * place, such as a Redis key. Each place has its own encryption key, derived from the secret. No encryption key
 * therefore comes near its limit for random nonces (NIST SP 800-38D §8.3).
 *
 * Blob format: version (1 byte), length of the key id (1), key id, nonce (12), ciphertext, tag (16).
 */
export class Sealer {
  readonly #purpose: Purpose
  #first!: DerivedKeys
  #byId!: ReadonlyMap<string, DerivedKeys>

  /**
   * @param keys     the first key encrypts; all keys decrypt
   * @param purpose  use of the blobs: a blob for one purpose cannot be decrypted for another. `''` means stored data
   */
  constructor(keys: readonly [SealKey, ...SealKey[]], purpose: Purpose = '') {
    this.#purpose = purpose
    this.#use(keys)
  }

  /**
   * Returns a sealer that follows the keys of a ring: the writing key encrypts. `undefined` for a ring without keys.
   *
   * @param purpose  use of the blobs, as for the constructor
   */
  static following(ring: KeyRing<SealKey>, purpose: Purpose = ''): Sealer | undefined {
    const [first, ...others] = ring.writerFirst
    if (first === undefined) return undefined
    const sealer = new Sealer([first, ...others], purpose)
    ring.changed(() => sealer.#use(ring.writerFirst))
    return sealer
  }

  #use(keys: readonly SealKey[]): void {
    const known = this.#byId as ReadonlyMap<string, DerivedKeys> | undefined
    const derived = keys.map((key) => {
      const before = known?.get(key.id)
      return before?.secret === key.secret ? before : derive(key, this.#purpose)
    })
    this.#first = derived[0]!
    this.#byId = new Map(derived.map((each) => [each.id, each]))
  }

  /** @param place  storage place of the blob; the blob can be decrypted only with the same place */
  seal(content: string | Uint8Array, place: string): Buffer {
    const { id, seal } = this.#first
    const nonce = randomBytes(NONCE_BYTES)
    const head = Buffer.from(`${String.fromCharCode(FORM, id.length)}${id}`, 'latin1')
    const cipher = createCipheriv('aes-256-gcm', keyOf(seal, place), nonce)
    cipher.setAAD(Buffer.concat([head, Buffer.from(place)]))
    const sealed = typeof content === 'string' ? cipher.update(content, 'utf8') : cipher.update(content)
    return Buffer.concat([head, nonce, sealed, cipher.final(), cipher.getAuthTag()])
  }

  /**
   * Decrypts a blob of text. Returns `undefined` when no key has the blob's key id, the place differs, or the blob was
   * modified.
   */
  open(blob: Buffer, place: string): string | undefined {
    return this.openBytes(blob, place)?.toString('utf8')
  }

  /** Decrypts a blob of binary content, like {@link open}. */
  openBytes(blob: Buffer, place: string): Buffer | undefined {
    const idEnd = 2 + (blob[1] ?? 0)
    if (blob[0] !== FORM || blob.length < idEnd + NONCE_BYTES + TAG_BYTES) return undefined
    const keys = this.#byId.get(blob.toString('latin1', 2, idEnd))
    if (keys === undefined) return undefined
    const nonce = blob.subarray(idEnd, idEnd + NONCE_BYTES)
    const end = blob.length - TAG_BYTES
    const decipher = createDecipheriv('aes-256-gcm', keyOf(keys.seal, place), nonce, { authTagLength: TAG_BYTES })
    decipher.setAAD(Buffer.concat([blob.subarray(0, idEnd), Buffer.from(place)]))
    decipher.setAuthTag(blob.subarray(end))
    try {
      return Buffer.concat([decipher.update(blob.subarray(idEnd + NONCE_BYTES, end)), decipher.final()])
    } catch {
      return undefined
    }
  }

  /**
   * Returns a pseudonym (HMAC) of secret values: 64 hexadecimal digits. Uses the first key, so a key rotation changes
   * the pseudonym.
   */
  nameOf(...parts: readonly string[]): string {
    return nameUnder(this.#first, parts)
  }

  /**
   * Returns the pseudonyms (HMACs) of secret parts, one per key, in the order of the keys. The list includes pseudonyms
   * from before a key rotation.
   */
  namesOf(...parts: readonly string[]): string[] {
    return [...this.#byId.values()].map((keys) => nameUnder(keys, parts))
  }
}

type Purpose = '' | 'login-state' | 'console'

function nameUnder({ name }: DerivedKeys, parts: readonly string[]): string {
  const hash = createHmac('sha256', name)
  // Write the length before each part, so that two different lists of parts never give the same bytes.
  for (const part of parts) hash.update(`${part.length}:`).update(part)
  return hash.digest('hex')
}

function derive({ id, secret }: SealKey, purpose: string): DerivedKeys {
  const prefix = purpose === '' ? 'gatehouse' : `gatehouse ${purpose}`
  const part = (use: string) => new Uint8Array(hkdfSync('sha256', secret, '', `${prefix} ${use}`, 32))
  return { id, secret, seal: part('seal'), name: part('name') }
}

function keyOf(secret: Uint8Array, place: string): Buffer {
  return createHmac('sha256', secret).update(place).digest()
}
