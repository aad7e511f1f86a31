import { globSync, readFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'

/** A file of the npm package: its path there, and its content. */
export interface PackageFile {
  readonly path: string
  readonly content: string | Buffer
}

/**
 * Files of the npm package that are not reached by an import from another file of the package: among them the
 * configurations for other programs that a server is set up with, and the documentation.
 */
const roots = [
  'bin/gatehouse',
  'gateway/**/*',
  'workers/**/*',
  'deploy/demo/**/*',
  'deploy/watchdog.ts',
  'deploy/systemd/*',
  'deploy/{haproxy,haproxy-nodes}.cfg',
  'deploy/nginx.conf',
  'deploy/prometheus-alerts.yml',
  'deploy/grafana/*',
  'docs/**/*',
  'LICENSE',
  'README.md',
  'CHANGELOG.md',
  'SECURITY.md',
]
/** Declarations, documents of folders, and the sources of the console: the package has the built console. */
const excluded = /[.]d[.]m?ts$|(^|\/)node_modules\/|^(gateway|workers)\/.*[.]md$|^gateway\/console\/(?!dist\/)/

/**
 * Returns the files of the npm package except package.json and npm-shrinkwrap.json. Each TypeScript file becomes a
 * JavaScript file with the same lines: types are replaced by spaces, and `.ts` at the end of a string by `.js`. So a
 * stack trace names the lines of the source, and no bundle hides what is installed. The systemd units start the
 * JavaScript files.
 */
export function packageFiles(checkout: string): PackageFile[] {
  return sourcesOf(checkout).map((path) => {
    const content = readFileSync(join(checkout, path))
    if (path.endsWith('.mjs')) return { path, content: withoutTs(content.toString()) }
    if (path.endsWith('.service')) return { path, content: String(content).replaceAll(/[.]ts(?= )/g, '.js') }
    if (!path.endsWith('.ts')) return { path, content }
    return { path: path.replace(/ts$/, 'js'), content: withoutTs(stripTypeScriptTypes(content.toString())) }
  })
}

function sourcesOf(checkout: string): string[] {
  const found = new Set(
    globSync(roots, { cwd: checkout, withFileTypes: true })
      .filter((one) => one.isFile())
      .map((one) => join(one.parentPath.slice(checkout.length + 1), one.name)),
  )
  const sources = [...found].filter((path) => !excluded.test(path))
  const known = new Set(sources)
  // The list grows while it is read: imported files of deploy/ are added, and their imports are followed.
  for (const path of sources) {
    if (!/[.]m?[jt]s$/.test(path)) continue
    for (const imported of importsOf(readFileSync(join(checkout, path), 'utf8'))) {
      const target = join(path, '..', imported)
      if (target !== 'package.json' && !known.has(target)) sources.push(target)
      known.add(target)
    }
  }
  return sources.toSorted()
}

/** Relative paths in import statements, without those of type imports. */
export function importsOf(source: string): string[] {
  const statements = source.matchAll(
    /^(?:import|export)\s(?!type\b)(?:[\w*{}\s,$]*?\bfrom\s*)?['"]([.][^'"]+)['"]|\bimport\(\s*['"]([.][^'"]+)['"]/gm,
  )
  return [...statements].map(([, stated, dynamic]) => stated ?? dynamic!)
}

/** Replaces `.ts` at the end of each string: in imports, and in paths of programs that another program starts. */
function withoutTs(source: string): string {
  return source.replaceAll(/[.]ts(?=['"`])/g, '.js')
}
