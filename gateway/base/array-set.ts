/**
 * A `Set` in an array, for members that change with every request: V8 rebuilds the hash table of a `Set` that is modified
 * this often, and each old table keeps the next table alive (docs/design/decisions/0015). A look-up compares the members
 * one by one, newest first, so use this set for at most a few hundred members. `ActiveSet` is faster, but each of its
 * members needs a property `place`.
 *
 * @bound owner
 */
export class ArraySet<Member> {
  readonly #members: Member[] = []

  /** Adds an object that is not a member. */
  add(member: Member): void {
    this.#members.push(member)
  }

  delete(member: Member): void {
    const at = this.#members.lastIndexOf(member)
    if (at < 0) return
    const last = this.#members.pop()!
    if (at < this.#members.length) this.#members[at] = last
  }

  /** Returns a copy of the set's members, so that a loop over them can remove members. */
  members(): readonly Member[] {
    return this.#members.slice()
  }
}
