import { execFileSync } from 'node:child_process'
import { dirname, posix } from 'node:path'

/**
 * Returns the pages of the site: for each path in the checkout, the path in the site. Only files that git tracks are
 * included.
 */
export function sitePages(checkout: string): ReadonlyMap<string, string> {
  const tracked = execFileSync('git', ['ls-files', '-z', 'docs', ...Object.keys(elsewhere)], {
    cwd: checkout,
    encoding: 'utf8',
  }).split('\0')
  return new Map(tracked.filter((path) => path.endsWith('.md')).map((path) => [path, placeOf(path)]))
}

/** Pages outside of docs/: their path in the checkout, and their path in the site. */
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

/**
 * Returns the path in the site for a file that is not a page. Files other than JSON and pictures get the ending .txt,
 * so that a browser shows them as text.
 */
export function publishedAt(path: string): string {
  return /\.(?:json|svg|png)$/.test(path) ? `files/${path}` : `files/${path}.txt`
}

/** A page in the form that VitePress reads. */
export interface SitePage {
  readonly text: string
  /** Files of the checkout that the page links to or shows as pictures. */
  readonly files: readonly string[]
}

/**
 * Rewrites the links of a page: links to pages become their path in the site, links to other files become a path below
 * `/files/`.
 *
 * @throws {Error} when a link leads neither to a page nor to one of the files
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

/** Applies a change to a Markdown text, except to its fenced code blocks. */
function outsideCode(text: string, change: (prose: string) => string): string {
  return text
    .split(/(^```[^\n]*\n.*?^```$)/gms)
    .map((part, i) => (i % 2 === 1 ? part : change(part)))
    .join('')
}
