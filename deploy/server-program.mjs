import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { unpackDebian } from './debian.mjs'
import { libraryPath } from './library-path.mjs'

const cache = join(import.meta.dirname, '..', '.gatehouse', 'cache')

/** A server that tests and benches run: the machine's own, else one that the set-up unpacked from Debian's packages. */
export class ServerProgram {
  #name
  #packages
  #versionWord
  #versionCode

  /**
   * @param {string} name  of the program
   * @param {string[]} packages  of the distribution, tried in order
   * @param {string} versionWord  with which it says its version, and so that it runs here
   * @param {number} versionCode  with which it exits then
   */
  constructor(name, packages, versionWord = '-v', versionCode = 0) {
    this.#name = name
    this.#packages = packages
    this.#versionWord = versionWord
    this.#versionCode = versionCode
  }

  /**
   * On PATH or in the usual folder for servers, else the one that was unpacked.
   *
   * @returns {{ command: string, env: Record<string, string> } | undefined} `env` is what its libraries need
   */
  look() {
    const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
    for (const folder of folders) {
      const found = this.#usable(join(folder, this.#name), {})
      if (found !== undefined) return found
    }
    return this.#unpacked(join(this.#folder, 'root'))
  }

  /** @throws {Error} when there is none; the message says what to type */
  find() {
    const found = this.look()
    if (found !== undefined) return found
    throw new Error(`no ${this.#name} found: run "npm run setup", or install the package ${this.#name}`)
  }

  /**
   * Unpacks one of the distribution into the cache folder.
   *
   * @throws {Error} when apt fails or has none that runs here; the message says what to type
   */
  async install() {
    const unpacked = (root) => this.#unpacked(root)
    if (await unpackDebian(this.#folder, this.#packages, unpacked)) return
    throw new Error(`no ${this.#name} on PATH: install the package ${this.#name}`)
  }

  get #folder() {
    return join(cache, this.#name)
  }

  /** The one below `root`, the unpacked tree of distribution packages. */
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

/** Benches measure against it, tests compare with it and put it in front of nodes. */
export const nginx = new ServerProgram('nginx', ['nginx-light', 'nginx'])

/** Tests put it in front of nodes, benches beside them. */
export const haproxy = new ServerProgram('haproxy', ['haproxy'])

/** Tests let it ask nodes what to do with a request. */
export const caddy = new ServerProgram('caddy', ['caddy'], 'version')

/** Benches load with it where they are told to. Version and usage are one to it, and an exit code of 1. */
export const wrk = new ServerProgram('wrk', ['wrk'], '-v', 1)
