import { execFileSync } from 'node:child_process'

/** A package in the SBOM. */
export interface SbomComponent {
  /** Name of its folder in node_modules. */
  readonly name: string
  readonly version: string
  /** A build for another platform is `optional`. */
  readonly scope: 'required' | 'optional'
}

/** Members of a CycloneDX document that the release sets or reads. */
export interface Sbom {
  serialNumber?: string
  readonly metadata: { timestamp: string; readonly component: { name: string; readonly version: string } }
  readonly components: readonly SbomComponent[]
}

/**
 * Makes the SBOM of the npm package (CycloneDX) with `npm sbom`. It lists the packages of npm-shrinkwrap.json with hashes
 * and licences, builds for other platforms included.
 *
 * @param folder  folder with package.json and npm-shrinkwrap.json
 * @param name  name of the npm package
 * @param created  time to state, RFC 3339
 * @throws {Error} when npm is absent or has no SBOM
 */
export function makeSbom(folder: string, name: string, created: string): Sbom {
  const sbom = npmSbom(folder)
  // npm states a random number, the time of the call and the name of the folder. The same release has the same SBOM.
  delete sbom.serialNumber
  sbom.metadata.timestamp = created
  sbom.metadata.component.name = name
  return sbom
}

function npmSbom(folder: string): Sbom {
  try {
    const words = ['sbom', '--package-lock-only', '--sbom-format', 'cyclonedx']
    return JSON.parse(execFileSync('npm', words, { cwd: folder, encoding: 'utf8', maxBuffer: 64 << 20 })) as Sbom
  } catch (cause) {
    throw new Error('`npm sbom` failed: the release needs npm 10 or later on PATH', { cause })
  }
}
