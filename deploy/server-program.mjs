import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { unpackDebian } from './debian.mjs'
import { libraryPath } from './library-path.mjs'

const cache = join(import.meta.dirname, '..', '.gatehouse', 'cache')

/**
 * A program that tests and benches start: the program of the machine, or else the program that `npm run setup` unpacked
 * from Debian packages.
 */
export class ServerProgram {
  #name
  #packages
  #versionWord
  #versionCode
  #folder

  /**
   * @param {string} name  name of the program
   * @param {string[]} packages  Debian packages, tried in order
   * @param {string} versionWord  argument that prints the version; used to test whether the program runs here
   * @param {number} versionCode  exit code of the program with that argument
   * @param {string} folder  folder in the cache; programs of the same packages share it
   */
  constructor(name, packages, versionWord = '-v', versionCode = 0, folder = name) {
    this.#name = name
    this.#packages = packages
    this.#versionWord = versionWord
    this.#versionCode = versionCode
    this.#folder = join(cache, folder)
  }

  /**
   * Finds the server on PATH or in the usual folders for servers, else the one that `npm run setup` unpacked.
   *
   * @returns {{ command: string, env: Record<string, string> } | undefined} `env` has the path of its libraries
   */
  look() {
    const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
    for (const folder of folders) {
      const found = this.#usable(join(folder, this.#name), {})
      if (found !== undefined) return found
    }
    return this.#unpacked(join(this.#folder, 'root'))
  }

  /** @throws {Error} when the server is missing; the message names the command to install it */
  find() {
    const found = this.look()
    if (found !== undefined) return found
    throw new Error(`no ${this.#name} found: run "npm run setup", or install the package ${this.#name}`)
  }

  /**
   * Unpacks the server of the distribution into the cache folder.
   *
   * @param {import('./debian.mjs').PackageLists} [lists]  lists that are already fetched
   * @throws {Error} when apt fails or has no package that runs here; the message names the package
   */
  async install(lists) {
    const unpacked = (root) => this.#unpacked(root)
    if (await unpackDebian(this.#folder, this.#packages, unpacked, lists)) return
    throw new Error(`no ${this.#name} on PATH: install the package ${this.#name}`)
  }

  /** Finds the server below `root`, an unpacked tree of Debian packages. */
  #unpacked(root) {
    const env = { LD_LIBRARY_PATH: libraryPath(root) }
    const places = ['sbin', 'bin'].map((folder) => join(root, 'usr', folder, this.#name))
    return places.map((place) => this.#usable(place, env)).find((found) => found !== undefined)
  }

  #usable(command, env) {
    try {
      accessSync(command, constants.X_OK)
      const { status } = spawnSync(command, [this.#versionWord], { env: { ...process.env, ...env }, stdio: 'ignore' })
      return status === this.#versionCode ? { command, env } : undefined
    } catch {
      return undefined
    }
  }
}

/** nginx. Benches and tests compare the gate with it. Tests also put it in front of nodes as proxy. */
export const nginx = new ServerProgram('nginx', ['nginx-light', 'nginx'])

/** HAProxy. Tests put it in front of nodes as proxy. Benches compare the gate with it. */
export const haproxy = new ServerProgram('haproxy', ['haproxy'])

/** Caddy. In tests it asks nodes for decisions (forward authentication). */
export const caddy = new ServerProgram('caddy', ['caddy'], 'version')

/** Prometheus. In tests it scrapes nodes and workers. Its Debian package depends on the package promtool. */
export const prometheus = new ServerProgram('prometheus', ['prometheus'], '--version')

/** Tests check alert rules with promtool, which is unpacked together with Prometheus. */
export const promtool = new ServerProgram('promtool', ['prometheus'], '--version', 0, 'prometheus')

/** Optional load generator of benches. It prints its version together with its usage and exits with 1. */
export const wrk = new ServerProgram('wrk', ['wrk'], '-v', 1)

/** Optional load generator of benches for HTTP/2. */
export const h2load = new ServerProgram('h2load', ['nghttp2-client'], '--version')
