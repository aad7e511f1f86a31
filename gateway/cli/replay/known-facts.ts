import type { JsonObject } from '../../oauth/json.ts'

/** Called with the name of a fact that a requirement examined and the record does not contain. */
export type NoteMissing = (fact: string) => void

interface Node {
  value: unknown
  members: Map<string, Node> | undefined
}

/**
 * Claims of a token as far as an audit record contains them. A claim that the record does not contain reads as absent
 * and is noted, so that the decision is discarded.
 *
 * @param recorded  values by the JSON text of the path; `null`: absent; an object: its members are not recorded
 */
export function knownClaims(recorded: Readonly<Record<string, unknown>>, note: NoteMissing): JsonObject {
  const root: Node = { value: undefined, members: new Map() }
  const entries = Object.entries(recorded).map(([path, value]) => ({ path: JSON.parse(path) as string[], value }))
  for (const { path, value } of entries.toSorted((a, b) => a.path.length - b.path.length)) insert(root, path, value)
  return watched(root, [], note)
}

function insert(root: Node, path: readonly string[], value: unknown): void {
  let node = root
  for (const name of path) {
    // A scalar and an absent claim have no members, which is known.
    if (node.members === undefined) return
    let next = node.members.get(name)
    if (next === undefined) {
      next = { value: undefined, members: new Map() }
      node.members.set(name, next)
    }
    node = next
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  node.value = value
  if (!isObject) node.members = undefined
}

function watched({ members }: Node, path: readonly string[], note: NoteMissing): JsonObject {
  const target: Record<string, unknown> = {}
  for (const [name, node] of members ?? []) {
    const value = node.members === undefined ? node.value : watched(node, [...path, name], note)
    Object.defineProperty(target, name, { value, enumerable: true, configurable: true })
  }
  return new Proxy(target, {
    getOwnPropertyDescriptor(of, name) {
      if (!Object.hasOwn(of, name)) note(`claim ${[...path, String(name)].join('.')}`)
      return Reflect.getOwnPropertyDescriptor(of, name)
    },
  })
}

/** Roles as far as an audit record contains them; notes each other role that a requirement examines. */
export class KnownRoles extends Set<string> {
  readonly #known: ReadonlyMap<string, boolean>
  readonly #note: NoteMissing

  /** @param known  whether each role is granted, by its name */
  constructor(known: ReadonlyMap<string, boolean>, note: NoteMissing) {
    super([...known].flatMap(([name, granted]) => (granted ? [name] : [])))
    this.#known = known
    this.#note = note
  }

  override has(role: string): boolean {
    const granted = this.#known.get(role)
    if (granted === undefined) this.#note(`role ${role} by this mapping`)
    return granted ?? false
  }
}
