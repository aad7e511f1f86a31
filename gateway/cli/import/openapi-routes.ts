import { forwardedMethods } from '../../base/methods.ts'
import { readPathPattern } from '../../policy/path-pattern.ts'
import type { ImportNotes } from './import-note.ts'
import type { ImportedRequirement, OpenApiSecurity } from './openapi-security.ts'
import { mappingOf, nameFrom, textOf } from './plain-value.ts'

interface ImportedRoute {
  readonly id: string
  readonly match: { readonly path: string; readonly methods: readonly string[] }
  require: ImportedRequirement
}

const notForwarded = ['trace', 'query'] as const
const pathItemKeys = new Set(['summary', 'description', 'parameters', 'servers', '$ref'])

/** Collects the routes of an OpenAPI document: one route for each operation. */
export class OpenApiRoutes {
  readonly #document: Readonly<Record<string, unknown>>
  readonly #security: OpenApiSecurity
  readonly #notes: ImportNotes
  readonly #routes = new Map<string, ImportedRoute>()
  readonly #ids = new Set<string>()

  constructor(document: Readonly<Record<string, unknown>>, security: OpenApiSecurity, notes: ImportNotes) {
    this.#document = document
    this.#security = security
    this.#notes = notes
  }

  /**
   * Converts all operations of the document into routes.
   *
   * @param basePath  path of the server, which precedes every path of the document
   */
  read(basePath: string): ImportedRoute[] {
    for (const [template, entry] of Object.entries(mappingOf(this.#document['paths']) ?? {})) {
      if (template.startsWith('x-')) continue
      const at = ['paths', template]
      const item = this.#pathItem(entry)
      const path = this.#pattern(basePath + template, at)
      if (path === undefined) continue
      if (item === undefined) {
        this.#notes.add('no equivalent', at, 'the path item is in another document; import a bundled document')
        continue
      }
      if (item['servers'] !== undefined) {
        this.#notes.add('no equivalent', at, 'servers of a path: its routes use the upstreams of the service')
      }
      this.#readOperations(item, path, at)
    }
    return [...this.#routes.values()]
  }

  #readOperations(item: Readonly<Record<string, unknown>>, path: string, at: readonly string[]): void {
    for (const method of forwardedMethods) {
      const operation = mappingOf(item[method.toLowerCase()])
      if (operation === undefined) continue
      if (method === 'HEAD' && item['get'] !== undefined) {
        this.#notes.add('not needed', [...at, 'head'], 'a route for GET includes HEAD')
        continue
      }
      this.#add(method, path, operation, [...at, method.toLowerCase()])
    }
    for (const name of notForwarded) {
      if (item[name] !== undefined) {
        this.#notes.add('no equivalent', [...at, name], `the gate never forwards ${name.toUpperCase()}`)
      }
    }
    const known = new Set([...forwardedMethods.map((each) => each.toLowerCase()), ...notForwarded, ...pathItemKeys])
    for (const key of Object.keys(item)) {
      if (known.has(key) || key.startsWith('x-')) continue
      this.#notes.add('no equivalent', [...at, key], 'the gate has no route for this key')
    }
  }

  #add(method: string, path: string, operation: Readonly<Record<string, unknown>>, at: readonly string[]): void {
    const own = operation['security'] !== undefined
    const require = own
      ? this.#security.requirementOf(operation['security'], [...at, 'security'])
      : this.#security.requirementOf(this.#document['security'], this.#document['security'] ? ['security'] : at)
    if (operation['servers'] !== undefined) {
      this.#notes.add('no equivalent', [...at, 'servers'], 'the route uses the upstreams of the service')
    }
    const key = `${method} ${path}`
    const earlier = this.#routes.get(key)
    if (earlier === undefined) {
      const id = this.#freeId(textOf(operation['operationId']) ?? `${method.toLowerCase()}${path.replaceAll('/', '.')}`)
      this.#routes.set(key, { id, match: { path, methods: [method] }, require })
      return
    }
    earlier.require = both(earlier.require, require)
    this.#notes.add('decide', at, `matches the same requests as route ${earlier.id}, which requires both securities`)
  }

  /**
   * Returns a path item (the operations of one path) of an OpenAPI document. Follows a `$ref` within the document;
   * returns `undefined` for a `$ref` to another document.
   */
  #pathItem(entry: unknown): Readonly<Record<string, unknown>> | undefined {
    const item = mappingOf(entry)
    const reference = textOf(item?.['$ref'])
    if (reference === undefined) return item ?? {}
    if (!reference.startsWith('#/')) return undefined
    let found: unknown = this.#document
    for (const part of reference.slice(2).split('/')) {
      const key = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
      found = Object.hasOwn(mappingOf(found) ?? {}, key) ? mappingOf(found)![key] : undefined
    }
    return mappingOf(found)
  }

  /** Converts an OpenAPI path template to a path pattern of the policy: each segment with a parameter becomes `*`. */
  #pattern(template: string, at: readonly string[]): string | undefined {
    const segments = template.split('/').map((segment) => {
      if (/^\{[^{}]*\}$/.test(segment)) return '*'
      if (!segment.includes('{')) return segment.includes('*') ? undefined : segment
      this.#notes.add('decide', at, `the segment ${segment} matches every value: the gate matches whole segments`)
      return '*'
    })
    if (segments.includes(undefined)) {
      this.#notes.add('no equivalent', at, 'a literal * in a path: the gate reads it as a wildcard')
      return undefined
    }
    const path = segments.join('/')
    const pattern = readPathPattern(path)
    if (typeof pattern !== 'string') return path
    const normal = /^must be in normal form: (\/.*)$/.exec(pattern)?.[1]
    if (normal !== undefined) return normal
    this.#notes.add('no equivalent', at, `the path ${pattern}`)
    return undefined
  }

  #freeId(wanted: string): string {
    const name = nameFrom(wanted, 'route')
    let id = name
    for (let i = 2; this.#ids.has(id); i++) id = `${name}-${i}`
    this.#ids.add(id)
    return id
  }
}

function both(first: ImportedRequirement, second: ImportedRequirement): ImportedRequirement {
  if (first === 'public') return second
  if (second === 'public' || JSON.stringify(first) === JSON.stringify(second)) return first
  return { all: [first, second] }
}
