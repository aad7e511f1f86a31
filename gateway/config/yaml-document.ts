import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  type ParsedNode,
  Parser,
  type YAMLMap,
} from 'yaml'
import { formatSize } from '../base/size.ts'
import { type DocumentPath, type Place, type Problem, problem } from './problem.ts'

/** One parsed YAML document as plain data, with the position of each of its parts. */
export interface YamlDocument {
  readonly value: unknown
  /**
   * Returns the position of the key or list item at `path` in the file. When the document has no such key or item,
   * returns the position of the nearest parent that exists.
   */
  locate(path: DocumentPath): Place
  readonly problems: readonly Problem[]
}

/** Maximum size of one settings or policy file, bytes. A policy folder can contain many files. */
export const maxDocumentBytes = 1_048_576
/**
 * Maximum nesting depth of a YAML document; no setting needs as many levels. Deeper input is rejected before the YAML
 * library builds its nodes, because the library does this recursively.
 */
const maxDepth = 64
/**
 * Maximum number of nodes that YAML aliases can add to one document. The limit allows a shared list of scopes, and
 * rejects nine nested levels of nine aliases.
 */
const maxAliasedNodes = 10_000
/**
 * Keys that are rejected in YAML documents, because code that uses the data could modify an object's prototype through
 * them.
 */
export const forbiddenKeys: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * Parses bytes as one YAML 1.2 document in the core schema: the data model of JSON, with comments and anchors. Custom
 * tags, merge keys, duplicate keys and further documents are problems, because two parsers could interpret them
 * differently.
 *
 * Never throws for any input. The time is linear in the length of the input. Messages quote keys, never values.
 *
 * @param file  name of the file, for problems
 */
export function readYaml(bytes: Uint8Array, file: string): YamlDocument {
  const start: Place = { file, line: 1, column: 1 }
  if (bytes.length > maxDocumentBytes) {
    const message = `document is larger than ${formatSize(maxDocumentBytes)}`
    return failed(problem('GH_CONFIG_TOO_LARGE', message, [], start, tooLargeHint))
  }
  const text = decode(bytes)
  if (text === undefined)
    return failed(problem('GH_CONFIG_SYNTAX', 'document is not valid UTF-8', [], start, 'save the file in UTF-8'))
  const lines = new LineCounter()
  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { file, line: Math.max(1, line), column: Math.max(1, col) }
  }
  const documents = compose(text, lines)
  if (typeof documents === 'number') {
    const message = `document has more than ${maxDepth} levels of nesting`
    return failed(problem('GH_CONFIG_TOO_LARGE', message, [], placeOf(documents)))
  }
  const [document, second] = documents
  if (document === undefined)
    return failed(problem('GH_CONFIG_SYNTAX', 'file contains no YAML document', [], placeOf(0), emptyHint))
  if (second !== undefined) {
    const message = 'file contains more than one YAML document'
    return failed(
      problem('GH_CONFIG_SYNTAX', message, [], placeOf(second.range[0]), 'put each YAML document into a separate file'),
    )
  }
  const syntax = [...document.errors, ...document.warnings].toSorted((a, b) => a.pos[0] - b.pos[0])
  if (syntax.length > 0) {
    // Report no YAML errors after an unexpected token: they are only consequences of that token.
    const lost = syntax.findIndex(({ code }) => code === 'UNEXPECTED_TOKEN')
    const problems = syntax.slice(0, lost === -1 ? undefined : lost + 1).map(({ code, pos }) => {
      return problem('GH_CONFIG_SYNTAX', syntaxMessage(code), [], placeOf(pos[0]), syntaxHints[code])
    })
    return { value: undefined, locate: () => placeOf(0), problems }
  }
  const reader = new NodeReader(placeOf)
  const value = reader.read(document.contents, [])
  return { value, locate: (path) => placeOf(offsetAt(document, path)), problems: reader.problems }
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return undefined
  }
}

function failed(only: Problem): YamlDocument {
  const { file, line, column } = only
  return { value: undefined, locate: () => ({ file, line, column }), problems: [only] }
}

/**
 * Parses a text as YAML.
 *
 * @returns the parsed YAML documents of the text, or the offset at which the text has more than `maxDepth` nested
 *   levels
 */
function compose(text: string, lines: LineCounter): Document.Parsed[] | number {
  const parser = new Parser(lines.addNewLine)
  const tokens = []
  lines.addNewLine(0)
  for (const lexeme of new Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme))
    if (parser.stack.length > maxDepth) return parser.offset
  }
  tokens.push(...parser.end())
  const options = { version: '1.2', schema: 'core', merge: false, resolveKnownTags: false } as const
  // Turn off the library's check for duplicate keys, which `NodeReader` detects: the YAML library would compare each
  // key with every other key.
  return [...new Composer({ ...options, stringKeys: true, uniqueKeys: false }).compose(tokens, true, text.length)]
}

/** Remedy for a settings or policy file above `maxDocumentBytes`. */
export const tooLargeHint = 'split a policy into several files of one folder'
const emptyHint = 'write the settings or the policy into the file, or name another file'

const duplicateHint = 'keep one of the entries with this key'

/** Remedies by error code of the YAML library. */
const syntaxHints: Readonly<Record<string, string>> = {
  UNEXPECTED_TOKEN:
    'quote texts that contain { } [ ] , or :, such as "/orders/{id}"; the document was read up to this place only',
  TAG_RESOLVE_FAILED: 'remove the tag; quote a text that begins with an exclamation mark',
  BAD_ALIAS: 'quote a text that begins with *, or write the anchor (&name) before its alias (*name)',
  BAD_INDENT: 'begin the keys of one mapping in the same column, and indent their values further',
  MISSING_CHAR: 'add the missing colon, quote, bracket or comma; it belongs here or on an earlier line',
  BLOCK_AS_IMPLICIT_KEY: 'quote a text that contains a colon and a space, or write a nested mapping on its own lines',
  MULTILINE_IMPLICIT_KEY: 'end the key on its line with a colon and a space',
  BLOCK_IN_FLOW: 'inside { } or [ ], write a mapping as { key: value } and a list as [a, b]',
  BAD_DQ_ESCAPE: 'use single quotes, or write each backslash twice',
  BAD_SCALAR_START: 'quote a text that begins with @ or with a backquote',
}

/**
 * Returns Gatehouse's own message for an error code of the YAML library. The library's messages can quote the text, and
 * with it a secret.
 */
function syntaxMessage(code: string): string {
  switch (code) {
    case 'TAG_RESOLVE_FAILED':
      return 'tags (!…) are not accepted'
    case 'TAB_AS_INDENT':
      return 'indentation contains a tab: use spaces'
    case 'BAD_ALIAS':
      return 'alias (*…) has no anchor (&…) before it'
    case 'MULTIPLE_DOCS':
      return 'file contains more than one YAML document'
    default:
      return `document is not valid YAML: ${code.toLowerCase().replaceAll('_', ' ')}`
  }
}

/** Converts YAML nodes into plain data, and collects their problems. @bound job */
class NodeReader {
  readonly problems: Problem[] = []
  readonly #placeOf: (offset: number) => Place
  readonly #anchors = new Map<string, { value: unknown; nodes: number }>()
  #nodes = 0
  #aliased = 0

  constructor(placeOf: (offset: number) => Place) {
    this.#placeOf = placeOf
  }

  read(node: Node | null, path: DocumentPath): unknown {
    this.#nodes++
    if (node === null) return null
    if (isAlias(node)) return this.#readAlias(node.source, node, path)
    const anchor = isScalar(node) || isMap(node) || isSeq(node) ? node.anchor : undefined
    // Make the anchor known only when its node is complete, so that a node cannot contain itself through an alias.
    if (anchor !== undefined) this.#anchors.delete(anchor)
    const before = this.#nodes
    const value = this.#readContent(node, path)
    if (anchor !== undefined) this.#anchors.set(anchor, { value, nodes: this.#nodes - before + 1 })
    return value
  }

  #readContent(node: Node, path: DocumentPath): unknown {
    if (isMap(node)) return this.#readMap(node, path)
    if (isSeq(node)) return node.items.map((item, i) => this.read(item as Node | null, [...path, i]))
    return isScalar(node) ? node.value : null
  }

  #readMap(node: YAMLMap, path: DocumentPath): Record<string, unknown> {
    const entries = new Map<string, unknown>()
    for (const pair of node.items) {
      const key = isScalar(pair.key) ? String(pair.key.value) : ''
      const at = isScalar(pair.key) ? (pair.key.range?.[0] ?? 0) : 0
      if (entries.has(key)) {
        this.#addProblem('GH_CONFIG_DUPLICATE_KEY', `duplicate key ${JSON.stringify(key)}`, path, at, duplicateHint)
      } else if (key === '<<') {
        this.#addProblem(
          'GH_CONFIG_SYNTAX',
          'merge keys (<<) are not accepted',
          path,
          at,
          'instead of a merge key, use an alias (*name) as the whole value of a key',
        )
      } else if (forbiddenKeys.has(key)) {
        this.#addProblem('GH_CONFIG_UNKNOWN_KEY', `key ${key} is reserved by JavaScript`, path, at, 'use another name')
      } else {
        entries.set(key, this.read(pair.value as Node | null, [...path, key]))
      }
    }
    return Object.fromEntries(entries)
  }

  #readAlias(name: string, node: Node, path: DocumentPath): unknown {
    const target = this.#anchors.get(name)
    const at = node.range?.[0] ?? 0
    if (target === undefined) {
      this.#addProblem(
        'GH_CONFIG_SYNTAX',
        'alias (*…) is used inside the value of its anchor (&…), or before any anchor',
        path,
        at,
        syntaxHints['BAD_ALIAS'],
      )
      return null
    }
    this.#nodes += target.nodes
    this.#aliased += target.nodes
    if (this.#aliased <= maxAliasedNodes) return target.value
    if (this.#aliased - target.nodes <= maxAliasedNodes) {
      this.#addProblem(
        'GH_CONFIG_TOO_LARGE',
        `aliases add more than ${maxAliasedNodes} entries to the document`,
        path,
        at,
      )
    }
    return null
  }

  #addProblem(code: Problem['code'], message: string, path: DocumentPath, at: number, hint?: string): void {
    this.problems.push(problem(code, message, path, this.#placeOf(at), hint))
  }
}

function offsetAt(document: Document.Parsed, path: DocumentPath): number {
  let node: ParsedNode | null | undefined = document.contents
  let offset = node?.range[0] ?? 0
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document) as ParsedNode | undefined
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === part)
      if (pair === undefined) return offset
      offset = (pair.key as ParsedNode).range[0]
      node = pair.value as ParsedNode | null
    } else if (isSeq(node) && typeof part === 'number' && node.items[part] !== undefined) {
      node = node.items[part] as ParsedNode
      offset = node.range[0]
    } else {
      return offset
    }
  }
  return offset
}
