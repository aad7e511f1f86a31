import { isDeepStrictEqual } from 'node:util'
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type Pair,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml'
import type { DocumentPath } from '../config/problem.ts'
import { keysAt } from '../config/schema-walk.ts'
import { readYaml } from '../config/yaml-document.ts'
import { policySchema } from '../policy/policy-schema.ts'

const LINE_WIDTH = 120

/**
 * Formats the text of a valid policy file: indentation of 2 spaces, keys in the order of the schema. Services, issuers
 * and routes keep their order. Comments, quotes and anchors are kept. In a file with YAML aliases all keys keep their
 * order, because an alias must follow its anchor.
 *
 * @param file  name of the file, for errors
 * @throws {Error} when the formatted text would not have the same effect or the same comments, which is a bug
 */
export function formatPolicy(file: string, text: string): string {
  const formatted = formatOnce(formatOnce(text))
  const isSame = isDeepStrictEqual(entriesOf(file, formatted), entriesOf(file, text))
  if (isSame && isDeepStrictEqual(commentsIn(formatted), commentsIn(text))) return formatted
  throw new Error(
    `${file}: the formatted policy would differ from the policy, which is a defect of \`gatehouse fmt\`; the file is unchanged: report it with the file`,
  )
}

/** Returns the parsed content of a policy file, in which every absent value is replaced by its default. */
function entriesOf(file: string, text: string): unknown {
  return policySchema.parse(readYaml(Buffer.from(text), file).value)
}

function formatOnce(text: string): string {
  const document = parseDocument(text, { version: '1.2', schema: 'core', merge: false })
  if (!hasAliases(document)) order(document.contents, [], true)
  return withoutBracketBlanks(document.toString({ indent: 2, indentSeq: true, lineWidth: LINE_WIDTH }))
}

function hasAliases(document: Document): boolean {
  let found = false
  visit(document, {
    Alias() {
      found = true
      return visit.BREAK
    },
  })
  return found
}

/**
 * Orders the keys of all mappings below a node of the YAML document as the schema does. Keys that the schema does not
 * know keep their order.
 */
function order(node: unknown, path: DocumentPath, isRoot = false): void {
  if (isSeq(node)) for (const [i, item] of node.items.entries()) order(item, [...path, i])
  if (!isMap(node) || isAlias(node)) return
  orderKeys(node, keysAt(policySchema, path), isRoot)
  for (const { key, value } of node.items) order(value, [...path, keyText(key)])
}

function orderKeys(map: YAMLMap, keys: readonly string[], isRoot: boolean): void {
  const rank = ({ key }: Pair) => (keys.includes(keyText(key)) ? keys.indexOf(keyText(key)) : keys.length)
  const ordered = map.items.toSorted((a, b) => rank(a) - rank(b))
  const [old, now] = [map.items[0], ordered[0]]
  map.items = ordered
  if (old === now || !isScalar(old?.key) || !isScalar(now?.key)) return
  // The YAML parser attaches a comment before the first key to the mapping: move it to the key. In the root mapping
  // such a comment is about the file, and stays.
  if (!isRoot && map.commentBefore) {
    old.key.commentBefore = [map.commentBefore, old.key.commentBefore].filter(Boolean).join('\n')
    map.commentBefore = null
  }
  old.key.spaceBefore = now.key.spaceBefore === true
  now.key.spaceBefore = false
}

/**
 * Characters by which the YAML lexer marks the start of a document, the end of a faulty flow collection, and a plain
 * text. They are not in the text of the file.
 */
const marks = new Set(['\u0002', '\u0018', '\u001f'])

/**
 * Removes the blanks after `[` and before `]` of flow sequences, as in `[a, b]`. Blanks inside braces stay: `{ a: b }`.
 */
function withoutBracketBlanks(text: string): string {
  const kept: string[] = []
  for (const lexeme of new Lexer().lex(text)) {
    const isBlank = /^ +$/.test(lexeme)
    if (isBlank && kept.at(-1) === '[') continue
    if (lexeme === ']' && /^ +$/.test(kept.at(-1) ?? '') && kept.at(-2) !== '\n') kept.pop()
    kept.push(lexeme)
  }
  return kept.filter((lexeme) => !marks.has(lexeme)).join('')
}

function keyText(key: unknown): string {
  return isScalar(key) ? String(key.value) : ''
}

/** Returns the texts of all YAML comments of a document, in alphabetical order, to compare two documents. */
function commentsIn(text: string): string[] {
  const comments: string[] = []
  for (const lexeme of new Lexer().lex(text)) if (lexeme.startsWith('#')) comments.push(lexeme.trimEnd())
  return comments.sort()
}
