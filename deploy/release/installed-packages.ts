import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Sbom } from './sbom.ts'

interface Installed {
  readonly version: string
  readonly optional?: boolean
}

/**
 * Compares the installed packages with the SBOM of the npm package.
 *
 * @param folder  folder in which npm installed the npm package
 * @returns a line for each package that is installed but not listed, or listed as required but not installed
 */
export function installedDifferences(folder: string, sbom: Sbom): string[] {
  const { packages } = JSON.parse(readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, Installed>>
  }
  const installed = new Set(
    Object.entries(packages).map(([place, { version }]) => `${place.split('node_modules/').at(-1)}@${version}`),
  )
  const { name, version } = sbom.metadata.component
  installed.delete(`${name}@${version}`)
  const listed = new Map(sbom.components.map((each) => [`${each.name}@${each.version}`, each.scope]))
  return [
    ...[...installed].filter((each) => !listed.has(each)).map((each) => `${each} is installed, but not in the SBOM`),
    ...[...listed]
      .filter(([each, scope]) => scope === 'required' && !installed.has(each))
      .map(([each]) => `${each} is required by the SBOM, but not installed`),
  ]
}
