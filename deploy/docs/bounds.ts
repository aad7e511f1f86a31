import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

const root = join(import.meta.dirname, '../..')

/**
 * Folders of the code that serves traffic. Verbs, the dry run and the checks of the doctor end with their command or
 * their call of the admin API, which has its own limits. The console runs in browsers.
 */
const folders = ['gateway', 'workers']
const left = /^gateway\/(cli|console|explain|doctor)\//

/**
 * Words of the tag `@bound` for a collection whose size follows from something else, and what the generated page says
 * of it.
 */
export const derivedBounds = {
  policy: 'As many as the policy names. A policy has a maximum size.',
  settings: 'As many as the settings name.',
  code: 'A fixed list in the code.',
  request: 'Part of one request, reply or stream. The number of these has a bound.',
  connection: 'Part of one connection. The number of connections has a bound.',
  job: 'Part of one call or job that runs alone.',
  cluster: 'One for each node, worker or Redis server of the cluster.',
  owner: 'Stated where the class is used.',
} as const

export type DerivedBound = keyof typeof derivedBounds

/** A collection in the code that can grow, and the bound that its comment states. */
export interface GrowingCollection {
  /** Path of the file, relative to the checkout. */
  readonly path: string
  readonly line: number
  /** Class and field, or the name of the constant. */
  readonly name: string
  /** Content of the collection: the first sentence of its comment, or else of the comment of its class. */
  readonly meaning: string
  /** Text of the tag `@bound`, links replaced by the values of the constants; `undefined` without a tag. */
  readonly bound: string | undefined
}

const builtIn = new Set(['Map', 'Set'])

/**
 * Lists the collections of the gateway and the workers that can grow: each field of a class, and each constant of a
 * module, that begins as an empty `Map`, `Set`, array, or object of a class whose comment says `@bound owner`.
 *
 * The comment of a collection, or of its class, states its bound: `@bound MAXIMUM | WHEN FULL | METRIC`, or a word of
 * {@link derivedBounds}. `{@link NAME}` in it stands for the value of a numeric constant of the same file.
 */
export function growingCollections(): readonly GrowingCollection[] {
  const sources = servingSources()
  const containers = new Set(builtIn)
  for (const { source } of sources) {
    for (const node of source.statements) {
      if (ts.isClassDeclaration(node) && tagOf(node) === 'owner') containers.add(node.name!.text)
    }
  }
  return sources.flatMap((file) => [...collectionsOf(file, containers)])
}

interface SourceText {
  readonly path: string
  readonly source: ts.SourceFile
}

/** Returns the sources of the gateway and the workers, without the code that ends with a command. */
export function servingSources(): readonly SourceText[] {
  return folders.flatMap(sourcesOf)
}

function sourcesOf(folder: string): SourceText[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name}`)
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts') && !left.test(path))
    .sort()
    .map((path) => ({
      path,
      source: ts.createSourceFile(path, readFileSync(join(root, path), 'utf8'), ts.ScriptTarget.Latest, true),
    }))
}

function* collectionsOf({ path, source }: SourceText, containers: ReadonlySet<string>): Generator<GrowingCollection> {
  const numbers = numbersOf(source)
  const found = (node: ts.Node, name: string, owner?: ts.Node): GrowingCollection => ({
    path,
    line: source.getLineAndCharacterOfPosition(node.getStart()).line + 1,
    name,
    meaning: meaningOf(node) || (owner === undefined ? '' : meaningOf(owner)),
    bound: (tagOf(node) ?? (owner && tagOf(owner)))?.replace(/\{@link (\w+)\}/g, (_, link) =>
      constantOf(link, numbers),
    ),
  })
  for (const statement of source.statements) {
    if (ts.isVariableStatement(statement)) {
      for (const { name, initializer, type } of statement.declarationList.declarations) {
        if (tagOf(statement) !== undefined || grows(initializer, type, containers))
          yield found(statement, name.getText())
      }
    } else if (ts.isClassDeclaration(statement)) {
      for (const [field, initializer] of fieldsOf(statement)) {
        if (tagOf(field) === undefined && !grows(initializer, field.type, containers)) continue
        yield found(field, `${statement.name!.text}.${field.name.getText().replace('#', '')}`, statement)
      }
    }
  }
}

/** Yields the fields of a class with what each begins as: its initializer, or what the constructor assigns. */
function* fieldsOf(node: ts.ClassDeclaration): Generator<[ts.PropertyDeclaration, ts.Expression | undefined]> {
  const assigned = new Map<string, ts.Expression>()
  for (const statement of node.members.find(ts.isConstructorDeclaration)?.body?.statements ?? []) {
    if (!ts.isExpressionStatement(statement) || !ts.isBinaryExpression(statement.expression)) continue
    const { left: target, right } = statement.expression
    if (ts.isPropertyAccessExpression(target) && target.expression.kind === ts.SyntaxKind.ThisKeyword) {
      assigned.set(target.name.text, right)
    }
  }
  for (const member of node.members) {
    if (!ts.isPropertyDeclaration(member)) continue
    yield [member, member.initializer ?? assigned.get(member.name.getText())]
  }
}

/** Whether a value begins as an empty collection that can grow. */
function grows(value: ts.Expression | undefined, type: ts.TypeNode | undefined, containers: ReadonlySet<string>) {
  if (value === undefined) return false
  if (ts.isArrayLiteralExpression(value)) {
    // Without a type, or as `readonly T[]` in a field that is never replaced, the array stays empty.
    return value.elements.length === 0 && type !== undefined && !isFixed(value, type)
  }
  if (!ts.isNewExpression(value) || !ts.isIdentifier(value.expression)) return false
  const name = value.expression.text
  if (!containers.has(name)) return false
  return !builtIn.has(name) || ((value.arguments?.length ?? 0) === 0 && !isFixed(value, type))
}

/** Whether a collection is declared as read-only and its field or constant is never replaced. */
function isFixed({ parent }: ts.Expression, type: ts.TypeNode | undefined): boolean {
  if (type === undefined || !/^(readonly |Readonly)/.test(type.getText())) return false
  if (ts.isPropertyDeclaration(parent)) {
    return parent.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ReadonlyKeyword) ?? false
  }
  return true
}

/** Returns the text of a tag of a comment; `undefined` without the tag. */
export function tagOf(node: ts.Node, name = 'bound'): string | undefined {
  const tag = ts.getJSDocTags(node).find(({ tagName }) => tagName.text === name)
  return tag && ts.getTextOfJSDocComment(tag.comment)?.replace(/\s+/g, ' ').trim()
}

/** Returns the text of the comment of a node, without tags; `''` without a comment. */
export function commentTextOf(node: ts.Node): string {
  const [comment] = ts.getJSDocCommentsAndTags(node).filter(ts.isJSDoc)
  return ts.getTextOfJSDocComment(comment?.comment)?.replace(/\s+/g, ' ').trim() ?? ''
}

function meaningOf(node: ts.Node): string {
  return commentTextOf(node)
    .replace(/\{@link (\w+)\}/g, '`$1`')
    .replace(/[.:;] .*$/, '')
    .replace(/[.:;]$/, '')
}

/** Returns the numeric constants of a file by name. */
export function numbersOf(source: ts.SourceFile): ReadonlyMap<string, number> {
  const numbers = new Map<string, number>()
  for (const statement of source.statements) {
    if (!ts.isVariableStatement(statement)) continue
    for (const { name, initializer } of statement.declarationList.declarations) {
      const value = initializer && numberOf(initializer, numbers)
      if (value !== undefined) numbers.set(name.getText(), value)
    }
  }
  return numbers
}

function numberOf(node: ts.Expression, known: ReadonlyMap<string, number>): number | undefined {
  if (ts.isNumericLiteral(node)) return Number(node.text)
  if (ts.isIdentifier(node)) return known.get(node.text)
  if (ts.isParenthesizedExpression(node)) return numberOf(node.expression, known)
  if (!ts.isBinaryExpression(node)) return undefined
  const [a, b] = [numberOf(node.left, known), numberOf(node.right, known)]
  if (a === undefined || b === undefined) return undefined
  switch (node.operatorToken.kind) {
    case ts.SyntaxKind.AsteriskToken:
      return a * b
    case ts.SyntaxKind.AsteriskAsteriskToken:
      return a ** b
    case ts.SyntaxKind.SlashToken:
      return a / b
    case ts.SyntaxKind.PlusToken:
      return a + b
    case ts.SyntaxKind.MinusToken:
      return a - b
    default:
      return undefined
  }
}

function constantOf(name: string, numbers: ReadonlyMap<string, number>): string {
  return numbers.get(name)?.toLocaleString('en') ?? `{@link ${name}}`
}
