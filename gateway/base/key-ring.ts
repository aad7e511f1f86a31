/** A key with its id. */
export interface RingKey {
  readonly id: string
}

/**
 * The keys of one kind of a process. One key writes: it signs or encrypts. All keys verify or decrypt. Keys are added,
 * removed and switched while the process runs.
 */
export class KeyRing<Key extends RingKey> {
  /** Functions that are called after a change of the keys in the ring. @bound code */
  readonly #listeners: (() => void)[] = []
  readonly #nowMs: () => number
  #keys: readonly Key[]
  #writer: Key | undefined
  /** Id of the key that the cluster appointed as the writing key. */
  #appointed: string | undefined
  /** Time at which each key of this process stopped being the writing key, ms since the epoch. @bound settings */
  readonly #stoppedMs = new Map<string, number>()

  /** @param keys  the first key writes, until the cluster appoints another one */
  constructor(keys: readonly Key[], nowMs: () => number = Date.now) {
    this.#keys = keys
    this.#writer = keys[0]
    this.#nowMs = nowMs
  }

  get keys(): readonly Key[] {
    return this.#keys
  }

  get writer(): Key | undefined {
    return this.#writer
  }

  /** All keys of the ring, the writing key first. */
  get writerFirst(): readonly Key[] {
    return [...this.#keys].sort((a, b) => Number(b === this.#writer) - Number(a === this.#writer))
  }

  has(id: string): boolean {
    return this.#keys.some((key) => key.id === id)
  }

  /** Time at which this process last wrote with the key, ms since the epoch; `undefined` when it never did. */
  wroteMs(id: string): number | undefined {
    return this.#writer?.id === id ? this.#nowMs() : this.#stoppedMs.get(id)
  }

  /**
   * Replaces the keys of the ring. The key that the cluster appointed writes; without an appointed key, the first key
   * writes.
   */
  replace(keys: readonly Key[]): void {
    this.#keys = keys
    this.#switch()
  }

  /** Makes the key with this id the writing key, now or as soon as this process has the key. */
  appoint(id: string): void {
    this.#appointed = id
    this.#switch()
  }

  /** Calls `listener` after each change of the keys or of the writing key. */
  changed(listener: () => void): void {
    this.#listeners.push(listener)
  }

  #switch(): void {
    const before = this.#writer
    const byId = (id: string | undefined) => this.#keys.find((key) => key.id === id)
    // While this process lacks the key that the cluster appointed, the current writing key continues to write.
    this.#writer = this.#appointed === undefined ? this.#keys[0] : (byId(this.#appointed) ?? byId(before?.id))
    this.#writer ??= this.#keys[0]
    if (before !== undefined && before.id !== this.#writer?.id) this.#stoppedMs.set(before.id, this.#nowMs())
    for (const listener of this.#listeners) listener()
  }
}
