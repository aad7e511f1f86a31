import { existsSync, globSync, readFileSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'

/**
 * Finds the links of a built site whose target file or anchor does not exist. Returns `page: link` for each. Links to
 * other hosts are not checked.
 */
export function brokenLinks(folder: string, base: string): string[] {
  const pages = globSync('**/*.html', { cwd: folder })
  const ids = new Map(pages.map((page) => [page, idsOf(readFileSync(join(folder, page), 'utf8'))]))
  return pages.flatMap((page) =>
    linksOf(readFileSync(join(folder, page), 'utf8'))
      .filter((link) => !leads(folder, base, page, link, ids))
      .map((link) => `${page}: ${link}`),
  )
}

function leads(
  folder: string,
  base: string,
  page: string,
  link: string,
  ids: ReadonlyMap<string, ReadonlySet<string>>,
): boolean {
  if (/^[a-z]+:/.test(link)) return true
  const [path = '', anchor = ''] = link.split('#')
  if (path.startsWith('/') && !path.startsWith(base)) return false
  const local = path.startsWith('/') ? path.slice(base.length) : posix.join(posix.dirname(page), path)
  const file =
    path === '' ? page : decodeURIComponent(local.endsWith('/') || local === '' ? `${local}index.html` : local)
  if (!existsSync(join(folder, file)) || !statSync(join(folder, file)).isFile()) return false
  return anchor === '' || !ids.has(file) || ids.get(file)!.has(decodeURIComponent(anchor))
}

const linksOf = (html: string) =>
  [...html.matchAll(/\s(?:href|src)="([^"]*)"/g)].map(([, link]) => link!.replaceAll('&amp;', '&'))

const idsOf = (html: string) => new Set([...html.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id!))
