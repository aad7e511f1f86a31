import { execFileSync } from 'node:child_process'
import { dirname, posix } from 'node:path'

/** Pages of the site by their path in the checkout, with their path in the site. Only files that git tracks. */
export function sitePages(checkout: string): ReadonlyMap<string, string> {
  const tracked = execFileSync('git', ['ls-files', '-z', 'docs', ...Object.keys(elsewhere)], {
    cwd: checkout,
    encoding: 'utf8',
  }).split('\0')
  return new Map(tracked.filter((path) => path.endsWith('.md')).map((path) => [path, placeOf(path)]))
}

/** Pages outside docs/. */
const elsewhere: Readonly<Record<string, string>> = {
  'README.md': 'project/readme.md',
  'CONTRIBUTING.md': 'project/contributing.md',
  'SECURITY.md': 'project/security.md',
  'CHANGELOG.md': 'project/changelog.md',
  'gateway/README.md': 'project/gateway.md',
}

function placeOf(path: string): string {
  return elsewhere[path] ?? path.replace(/^docs\//, '').replace(/(^|\/)README\.md$/, '$1index.md')
}

/** Path in the site of a file that is no page. A browser shows it as text, unless it is JSON or a picture. */
export function publishedAt(path: string): string {
  return /\.(?:json|svg)$/.test(path) ? `files/${path}` : `files/${path}.txt`
}

/** A page as the site generator reads it. */
export interface SitePage {
  readonly text: string
  /** Files of the checkout that the page links to, or shows. */
  readonly files: readonly string[]
}

/**
 * Rewrites the links of a page: to pages by their path in the site, to other files by their copy below `/files/`.
 *
 * @throws {Error} when a link leads to neither a page nor one of the files
 */
export function sitePage(
  path: string,
  text: string,
  pages: ReadonlyMap<string, string>,
  isFile: (path: string) => boolean,
): SitePage {
  const files = new Set<string>()
  const linked = (target: string, anchor: string): string => {
    if (target === '' || /^[a-z]+:/.test(target)) return target + anchor
    const source = posix.normalize(posix.join(dirname(path), target)).replace(/\/$/, '')
    const page = pages.get(source)
    if (page !== undefined) return `/${page}${anchor}`
    if (!isFile(source)) {
      throw new Error(`${path}: the link to ${target} leads to no page and no file; link to a file, not to a folder`)
    }
    files.add(source)
    return `/${publishedAt(source)}`
  }
  const rewritten = outsideCode(text, (prose) =>
    prose
      .replaceAll(/<!--.*?-->\n?/gs, '')
      .replaceAll(/\]\(([^)#\s]*)(#[^)\s]*)?\)/g, (_, target: string, anchor = '') => `](${linked(target, anchor)})`),
  )
  return { text: rewritten, files: [...files] }
}

/** Applies a change to everything except fenced code blocks. */
function outsideCode(text: string, change: (prose: string) => string): string {
  return text
    .split(/(^```[^\n]*\n.*?^```$)/gms)
    .map((part, i) => (i % 2 === 1 ? part : change(part)))
    .join('')
}
