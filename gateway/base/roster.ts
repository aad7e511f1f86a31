/** Who may stand in a roster. */
export interface Rostered {
  /** Where it stands; -1: nowhere. Kept by the roster alone. */
  place: number
}

/**
 * Who is under way. An array, and no `Map` or `Set`, for what every exchange enters and leaves: V8 makes a table that is
 * written to so often anew again and again, and each old one, with what it held, keeps the next one alive (decision 22).
 */
export class Roster<Member extends Rostered> {
  readonly #members: Member[] = []

  get size(): number {
    return this.#members.length
  }

  add(member: Member): void {
    member.place = this.#members.push(member) - 1
  }

  /** Does nothing for one that is not in it. */
  delete(member: Member): void {
    const { place } = member
    if (place === -1) return
    member.place = -1
    const last = this.#members.pop()!
    if (last === member) return
    this.#members[place] = last
    last.place = place
  }

  /** Each that is still there when its turn comes; any may leave meanwhile. */
  visit(visitor: (member: Member) => void): void {
    // From the end: who leaves is replaced by the last one, which has had its turn.
    for (let i = this.#members.length - 1; i >= 0; i--) {
      const member = this.#members[i]
      if (member !== undefined) visitor(member)
    }
  }
}
