import type { JsonObject } from '../../oauth/json.ts'

/** Function that receives the name of a fact which a requirement examined but the audit record does not contain. */
export type NoteMissing = (fact: string) => void

interface Node {
  value: unknown
  members: Map<string, Node> | undefined
}

/**
 * Returns the claims of a token as far as an audit record contains them. When a requirement reads another claim, the
 * claim is absent, and `note` is called, so that the caller discards the decision.
 *
 * @param recorded  values of claims. The key is the path of the claim as JSON text. `null`: the claim is absent; an
 *   object: the claim is an object whose members are not recorded
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
    // The recorded parent of the claim is a text, a number or absent, so it certainly has no members.
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

/**
 * Roles of a caller as far as an audit record contains them. When a requirement examines another role, calls `note`.
 */
export class KnownRoles extends Set<string> {
  readonly #known: ReadonlyMap<string, boolean>
  readonly #note: NoteMissing

  /** @param known  for each recorded role: whether the caller has it */
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
