/** A member of an active set. */
export interface ActiveSetMember {
  /** Index of the object in its active set; -1 when the object is not a member. Only the set writes this property. */
  place: number
}

/**
 * Set of the objects that are in progress, such as exchanges. The set is an array instead of a `Map` or `Set`, because
 * every exchange is added and removed. V8 reallocates a hash table that is modified this often, and each old table
 * keeps the next table alive (docs/design/decisions/0015).
 *
 * @bound owner
 */
export class ActiveSet<Member extends ActiveSetMember> {
  readonly #members: Member[] = []

  get size(): number {
    return this.#members.length
  }

  add(member: Member): void {
    member.place = this.#members.push(member) - 1
  }

  has(member: Member): boolean {
    return member.place !== -1 && this.#members[member.place] === member
  }

  /** Removes a member of the active set; does nothing for an object that is not a member. */
  delete(member: Member): void {
    const { place } = member
    if (place === -1) return
    member.place = -1
    const last = this.#members.pop()!
    if (last === member) return
    this.#members[place] = last
    last.place = place
  }

  /** Returns a copy of the set's members, for a visit that takes several turns of the event loop. */
  members(): readonly Member[] {
    return this.#members.slice()
  }

  /**
   * Calls the visitor with each member of the active set. Skips members that were removed during the visit; the visitor
   * is allowed to remove any member.
   */
  visit(visitor: (member: Member) => void): void {
    // Loop over the members from the end, because `delete` moves the last member to the free index, and the last member
    // has already been visited.
    for (let i = this.#members.length - 1; i >= 0; i--) {
      const member = this.#members[i]
      if (member !== undefined) visitor(member)
    }
  }
}
