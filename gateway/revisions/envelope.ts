import { createHmac, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import type { KeyRing } from '../base/key-ring.ts'
import type { SealKey } from '../base/sealer.ts'

const shape = z.strictObject({ key: z.string(), mac: z.string(), body: z.string() })

/** Result of the verification of an envelope, a text in Redis with a MAC. */
export type OpenedEnvelope = { readonly body: string; readonly key: string } | UnopenedEnvelope

/**
 * An envelope that is not accepted. `unknown-key`: this process lacks the key with this id. `forged`: the text is
 * malformed, or its MAC is wrong.
 */
export interface UnopenedEnvelope {
  readonly fault: 'unknown-key' | 'forged'
  readonly key?: string
}

/**
 * Kind of the content of an envelope. An envelope of one kind is never accepted as another kind. For example, a
 * rejected candidate must not be accepted as the revision that later got its number.
 */
export type EnvelopeKind = 'revision' | 'activation' | 'candidate' | 'vote' | 'rollout-counts' | 'rollout-outcome'

/**
 * Authenticates texts that are stored in Redis, with a key that Redis does not have: HMAC-SHA256 (RFC 2104) over the
 * kind, the key prefix of the cluster and the text.
 */
export class Envelopes {
  readonly #ring: KeyRing<SealKey>
  readonly #prefix: string

  /** @param prefix  prefix of the Redis keys: the MAC binds a text to its cluster */
  constructor(ring: KeyRing<SealKey>, prefix: string) {
    this.#ring = ring
    this.#prefix = prefix
  }

  /** Id of the key that authenticates new texts; `undefined` without a key. */
  get writer(): string | undefined {
    return this.#ring.writer?.id
  }

  /**
   * Makes the envelope of a text: the text with a MAC.
   *
   * @returns JSON text with the body, its MAC and the id of the key. @throws {Error} without a key
   */
  seal(kind: EnvelopeKind, body: string): string {
    const key = this.#ring.writer
    if (key === undefined) throw new Error('keys.policy has no key')
    return this.#sealed(key, kind, body)
  }

  /**
   * Verifies the envelope of a text. For each body and key exactly one envelope text is valid. A different spelling
   * counts as forged, because every process would treat the text as a new MAC and write it to disk.
   */
  open(kind: EnvelopeKind, text: string): OpenedEnvelope {
    const { data } = shape.safeParse(parsed(text))
    if (data === undefined) return { fault: 'forged' }
    const key = this.#ring.keys.find(({ id }) => id === data.key)
    if (key === undefined) return { fault: 'unknown-key', key: data.key }
    const [expected, given] = [Buffer.from(this.#sealed(key, kind, data.body)), Buffer.from(text)]
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return { fault: 'forged' }
    return { body: data.body, key: key.id }
  }

  #sealed(key: SealKey, kind: EnvelopeKind, body: string): string {
    return JSON.stringify({ key: key.id, mac: this.#mac(key, kind, body).toString('base64url'), body })
  }

  #mac({ secret }: SealKey, kind: EnvelopeKind, body: string): Buffer {
    return createHmac('sha256', secret).update(`gatehouse policy ${kind}\n${this.#prefix}\n`).update(body).digest()
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
