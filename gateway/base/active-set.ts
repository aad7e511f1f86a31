/** A member of an active set. */
export interface ActiveSetMember {
  /** Index in the set; -1 when the object is not a member. Only the set writes this property. */
  place: number
}

/**
 * Set of the objects that are in progress. An array instead of a `Map` or `Set`, because every exchange is added and
 * removed. V8 reallocates a hash table that is modified this often, and an old table keeps the next one alive
 * (docs/design/decisions/0015).
 */
export class ActiveSet<Member extends ActiveSetMember> {
  readonly #members: Member[] = []

  get size(): number {
    return this.#members.length
  }

  add(member: Member): void {
    member.place = this.#members.push(member) - 1
  }

  /** Removes a member; does nothing for an object that is not a member. */
  delete(member: Member): void {
    const { place } = member
    if (place === -1) return
    member.place = -1
    const last = this.#members.pop()!
    if (last === member) return
    this.#members[place] = last
    last.place = place
  }

  /** Visits each member that is still present when it is reached. The visitor may remove any member. */
  visit(visitor: (member: Member) => void): void {
    // From the end: a removed member is replaced by the last one, which has already been visited.
    for (let i = this.#members.length - 1; i >= 0; i--) {
      const member = this.#members[i]
      if (member !== undefined) visitor(member)
    }
  }
}
