import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { idioms } from './idioms.ts'

/** An idiom that was found in a file of the repository. */
export interface Hit {
  readonly file: string
  /** Line number, counted from 1. */
  readonly line: number
  readonly text: string
  readonly instead: string
}

/** Number of idioms and of words in one folder. */
export interface FolderCount {
  hits: Hit[]
  words: number
}

const textFile = /\.(?:tsx?|mjs|lua|md|sh|yml|yaml)$/
/** Files that `npm run docs` writes. They are excluded, because their text is counted in the sources. */
const generated =
  /^docs\/reference\/(?:audit-fields|cli|configuration|errors|metrics|reasons)\.md$|^gateway\/console\/api\/operations\.ts$/
/** Excluded files: the list of idioms, and the test that contains examples of idioms. */
const excluded = /^(?:deploy\/prose\/|test\/unit\/deploy\/prose\.test\.ts$)/

/**
 * Counts the idioms in every text file that git tracks. The key of the result is a folder such as `gateway/redis` or
 * `test/unit`; `.` for files at the top.
 */
export function countIdioms(root: string): Map<string, FolderCount> {
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0')
  const folders = new Map<string, FolderCount>()
  for (const file of files) {
    if (!textFile.test(file) || generated.test(file) || excluded.test(file)) continue
    const folder = folderOf(file)
    const count = folders.get(folder) ?? { hits: [], words: 0 }
    folders.set(folder, count)
    countFile(root, file, count)
  }
  return folders
}

/** Finds the idioms in one line of text. */
export function hitsIn(line: string): Pick<Hit, 'text' | 'instead'>[] {
  return idioms.flatMap(({ pattern, instead }) =>
    Array.from(line.matchAll(pattern), ([text]) => ({ text: text.trim(), instead })),
  )
}

function countFile(root: string, file: string, count: FolderCount): void {
  let text: string
  try {
    text = readFileSync(join(root, file), 'utf8')
  } catch {
    return // Skip a file that git tracks but that was removed from the working tree.
  }
  for (const [index, line] of text.split('\n').entries()) {
    count.words += line.match(/[A-Za-z]{2,}/g)?.length ?? 0
    for (const hit of hitsIn(line)) count.hits.push({ file, line: index + 1, ...hit })
  }
}

function folderOf(file: string): string {
  const parts = file.split('/')
  return parts.length === 1 ? '.' : parts.slice(0, Math.min(2, parts.length - 1)).join('/')
}
