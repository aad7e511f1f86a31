import type { Adapter, StoredPayload } from 'oidc-provider'

interface Entry {
  readonly payload: StoredPayload
  readonly expiresAtMs: number
}

/**
 * Data of the demo issuer, in memory. After a rotation of signing keys, the new provider continues to use the same
 * store.
 */
export class IssuerStore {
  readonly #entries = new Map<string, Entry>()

  /** Function for the option `adapter` of oidc-provider. Returns one adapter per model. */
  readonly adapterFor = (model: string): Adapter => {
    const keyOf = (id: string) => `${model}:${id}`
    return {
      upsert: async (id, payload, expiresInS) => this.#set(keyOf(id), payload, expiresInS),
      find: async (id) => this.#get(keyOf(id)),
      findByUid: async (uid) => this.#search(model, (payload) => payload.uid === uid),
      findByUserCode: async (code) => this.#search(model, (payload) => payload.userCode === code),
      consume: async (id) => {
        const payload = this.#get(keyOf(id))
        if (payload !== undefined) payload.consumed = Math.floor(Date.now() / 1000)
      },
      destroy: async (id) => {
        this.#entries.delete(keyOf(id))
      },
      revokeByGrantId: async (grantId) => {
        for (const [key, { payload }] of this.#entries) {
          if (payload.grantId === grantId) this.#entries.delete(key)
        }
      },
    }
  }

  /** Deletes expired entries to free memory. Reads never return expired entries, deleted or not. */
  sweep(nowMs = Date.now()): void {
    for (const [key, entry] of this.#entries) {
      if (entry.expiresAtMs <= nowMs) this.#entries.delete(key)
    }
  }

  #set(key: string, payload: StoredPayload, expiresInS = Number.POSITIVE_INFINITY): void {
    this.#entries.set(key, { payload, expiresAtMs: Date.now() + expiresInS * 1000 })
  }

  #get(key: string): StoredPayload | undefined {
    const entry = this.#entries.get(key)
    return entry === undefined || entry.expiresAtMs <= Date.now() ? undefined : entry.payload
  }

  #search(model: string, matches: (payload: StoredPayload) => boolean): StoredPayload | undefined {
    for (const [key, { payload }] of this.#entries) {
      if (key.startsWith(`${model}:`) && matches(payload)) return this.#get(key)
    }
    return undefined
  }
}
