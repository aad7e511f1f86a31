import type { ImportNotes } from './import-note.ts'
import { listOf, mappingOf, textOf } from './plain-value.ts'

/** Address of the server of an API, as in an OpenAPI document. */
export interface OpenApiServer {
  /** Origin, such as `https://api.example`; `undefined` when the document has only a path or no address. */
  readonly origin: string | undefined
  /** Path that precedes every path of the document, without a slash at its end; `''`: there is no such path. */
  readonly basePath: string
}

type Document = Readonly<Record<string, unknown>>

/** Reads the first server of an OpenAPI document (OpenAPI 3.1 §4.8.5), or host and base path of a Swagger 2 document. */
export function openApiServer(document: Document, notes: ImportNotes): OpenApiServer {
  if (document['swagger'] !== undefined) return swaggerServer(document)
  const [first, ...more] = listOf(document['servers'])
  if (more.length > 0) {
    notes.add('decide', ['servers', 1], 'only the first server is imported; add others under upstreams of the service')
  }
  const url = textOf(mappingOf(first)?.['url'])
  if (url === undefined) return { origin: undefined, basePath: '' }
  const variables = mappingOf(mappingOf(first)?.['variables']) ?? {}
  const filled = url.replaceAll(/\{([^{}]*)\}/g, (_, name: string) => {
    return textOf(mappingOf(variables[name])?.['default']) ?? name
  })
  if (filled !== url) notes.add('decide', ['servers', 0, 'url'], `variables have their defaults: ${filled}`)
  return serverAt(filled)
}

function swaggerServer(document: Document): OpenApiServer {
  const host = textOf(document['host'])
  const schemes = listOf(document['schemes'])
  const scheme = schemes.includes('https') || schemes.length === 0 ? 'https' : 'http'
  const base = textOf(document['basePath']) ?? ''
  return serverAt(host === undefined ? base : `${scheme}://${host}${base}`)
}

function serverAt(text: string): OpenApiServer {
  const absolute = /^https?:\/\//i.test(text) && URL.canParse(text)
  if (!absolute) return { origin: undefined, basePath: withoutSlash(text.startsWith('/') ? text : '') }
  const { origin, pathname } = new URL(text)
  return { origin, basePath: withoutSlash(pathname) }
}

function withoutSlash(path: string): string {
  return path.replace(/\/+$/, '')
}
