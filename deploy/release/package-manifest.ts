import { readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Manifest {
  readonly name: string
  readonly version: string
  readonly dependencies: Readonly<Record<string, string>>
  readonly [member: string]: unknown
}

interface LockedPackage {
  readonly version: string
  /** True: only development packages need this package. */
  readonly dev?: boolean
  readonly optional?: boolean
  /** True: only development packages and optional packages need this package. */
  readonly devOptional?: boolean
}

interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>
}

const modules = 'node_modules/'

/** Members of package.json that an installed package needs. */
const members = ['name', 'version', 'description', 'license', 'type', 'engines', 'bin', 'optionalDependencies'] as const

/**
 * Returns package.json of the npm package: without development packages, and without the scripts of the checkout. Its
 * dependencies include the dependencies of dependencies, each with its exact version, because npm ignores
 * npm-shrinkwrap.json when it installs a tarball from a file.
 */
export function packageManifest(checkout: string): Manifest {
  const manifest = readJson<Manifest>(join(checkout, 'package.json'))
  const kept = Object.fromEntries(members.map((member) => [member, manifest[member]]))
  return { ...kept, dependencies: { ...exactVersions(checkout), ...manifest.dependencies } } as unknown as Manifest
}

/** Returns npm-shrinkwrap.json, by which `npm ci` installs exactly the packages and hashes that the tests ran with. */
export function shrinkwrap(checkout: string): object {
  const { packages, ...lock } = readJson<Lock>(join(checkout, 'package-lock.json'))
  const { name, version, license, engines, bin, dependencies, optionalDependencies } = packageManifest(checkout)
  const own = { name, version, license, dependencies, bin, engines, optionalDependencies }
  return { ...lock, packages: { '': own, ...Object.fromEntries(shipped(packages)) } }
}

/** Versions of the required packages at the top of node_modules. */
function exactVersions(checkout: string): Readonly<Record<string, string>> {
  const { packages } = readJson<Lock>(join(checkout, 'package-lock.json'))
  const required = shipped(packages).filter(
    ([place, { optional, devOptional }]) => !(optional ?? devOptional) && place.lastIndexOf(modules) === 0,
  )
  return Object.fromEntries(required.map(([place, { version }]) => [place.slice(modules.length), version]))
}

/** Locked packages that a user needs, with their places in node_modules. */
function shipped(packages: Lock['packages']): [place: string, locked: LockedPackage][] {
  return Object.entries(packages).filter(([place, { dev }]) => place !== '' && dev !== true)
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T
}
