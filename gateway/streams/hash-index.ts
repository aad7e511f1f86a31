import { HASH_WORDS } from '../revocation/identity.ts'

/**
 * Finds the streams whose credential has an identity, by the hash of the identity. Compares only the first 53 bits of a
 * hash, so a result can belong to another identity, and the caller must check it.
 *
 * @bound owner
 */
export class HashIndex<Member extends object> {
  /**
   * Streams by the hash of an identity of their credential. A single member is stored without a set, because most
   * identities belong to one stream.
   */
  readonly #members = new Map<number, Member | Set<Member>>()

  /**
   * Adds a stream under the hashes of its identities. @param hashes  4 words each; four zeros stand for a missing
   * identity
   */
  add(member: Member, hashes: Uint32Array): void {
    for (let at = 0; at < hashes.length; at += HASH_WORDS) {
      const key = keyOf(hashes[at]!, hashes[at + 1]!)
      if (key === 0) continue
      const found = this.#members.get(key)
      if (found === undefined) this.#members.set(key, member)
      else if (found instanceof Set) found.add(member)
      else if (found !== member) this.#members.set(key, new Set([found, member]))
    }
  }

  /** Removes a stream. @param hashes  the same hashes as in `add` */
  delete(member: Member, hashes: Uint32Array): void {
    for (let at = 0; at < hashes.length; at += HASH_WORDS) {
      const key = keyOf(hashes[at]!, hashes[at + 1]!)
      const found = this.#members.get(key)
      if (found === member) this.#members.delete(key)
      else if (found instanceof Set && found.delete(member) && found.size === 0) this.#members.delete(key)
    }
  }

  /** Calls back with each stream that may have the identity with this hash. */
  visit(h0: number, h1: number, visitor: (member: Member) => void): void {
    const found = this.#members.get(keyOf(h0, h1))
    if (found instanceof Set) for (const member of found) visitor(member)
    else if (found !== undefined) visitor(found)
  }
}

function keyOf(h0: number, h1: number): number {
  return h0 * 2 ** 21 + (h1 >>> 11)
}
