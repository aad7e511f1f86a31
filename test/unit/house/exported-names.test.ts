import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'

// No two source files export the same name, except names that a recipe requires, so that a name in a search, an import
// or a stack trace has one meaning.

const root = join(import.meta.dirname, '../../..')
const folders = ['gateway', 'workers', 'bench', 'deploy']

/**
 * Names that a recipe in CONTRIBUTING.md requires in every file of a folder: pattern of the file names by exported
 * name.
 */
const ofRecipes: Readonly<Record<string, RegExp>> = {
  // Recipe "Add a verb" (a CLI command): each file of gateway/cli/verbs/ exports its command as `verb`.
  verb: /^gateway\/cli\/verbs\/[a-z-]+\.ts$/,
}

/** Source files whose exports are checked. Declaration files are left out: `x.d.mts` repeats the exports of `x.mjs`. */
const sources = folders
  .flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
  )
  .filter((path) => /\.(ts|tsx|mts|mjs)$/.test(path) && !path.endsWith('.d.mts') && !path.includes('/dist/'))

/** @returns the names that a module exports. A constant and a type with the same name in the same file count once. */
function exportedNames(path: string): Set<string> {
  const source = ts.createSourceFile(path, readFileSync(join(root, path), 'utf8'), ts.ScriptTarget.Latest)
  const names = new Set<string>()
  const add = (name: ts.BindingName): void => {
    if (ts.isIdentifier(name)) names.add(name.text)
    else for (const element of name.elements) if (ts.isBindingElement(element)) add(element.name)
  }
  for (const statement of source.statements) {
    if (ts.isExportDeclaration(statement) && statement.exportClause && ts.isNamedExports(statement.exportClause))
      for (const { name } of statement.exportClause.elements) names.add(name.text)
    if (!ts.canHaveModifiers(statement)) continue
    const kinds = ts.getModifiers(statement)?.map(({ kind }) => kind) ?? []
    if (!kinds.includes(ts.SyntaxKind.ExportKeyword) || kinds.includes(ts.SyntaxKind.DefaultKeyword)) continue
    if (ts.isVariableStatement(statement)) for (const { name } of statement.declarationList.declarations) add(name)
    else if ('name' in statement && statement.name !== undefined) add(statement.name as ts.Identifier)
  }
  return names
}

test('no two source files export the same name, except names that a recipe in CONTRIBUTING.md requires', () => {
  const filesOf = new Map<string, string[]>()
  for (const path of sources)
    for (const name of exportedNames(path)) {
      if (ofRecipes[name]?.test(path)) continue
      filesOf.set(name, [...(filesOf.get(name) ?? []), path])
    }

  expect(filesOf.size).toBeGreaterThan(1000)
  expect([...filesOf].filter(([, files]) => files.length > 1)).toEqual([])
})

test('each exception of the check for duplicate exported names is used by more than one file', () => {
  for (const [name, files] of Object.entries(ofRecipes)) {
    const users = sources.filter((path) => files.test(path) && exportedNames(path).has(name))
    expect([name, users.length > 1]).toEqual([name, true])
  }
})
