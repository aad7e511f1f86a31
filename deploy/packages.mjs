import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

const nodePackage = `node-${process.platform}-${process.arch}`

/**
 * Whether node_modules matches package-lock.json. Compares with the record that npm writes at the end of an
 * installation, so an interrupted installation does not match.
 *
 * @param {string} root folder of the checkout
 */
export function packagesInstalled(root) {
  const wanted = lockedPackages(join(root, 'package-lock.json'))
  const present = lockedPackages(join(root, 'node_modules', '.package-lock.json'))
  if (wanted === undefined || present === undefined) return false
  delete wanted['']
  const places = new Set([...Object.keys(wanted), ...Object.keys(present)])
  return [...places].every((place) => {
    const { [place]: want } = wanted
    const { [place]: have } = present
    // Packages for other platforms are optional, and absent.
    if (have === undefined) return want.optional === true
    return want?.version === have.version && want.integrity === have.integrity
  })
}

/**
 * Runs `npm ci` in `root`.
 *
 * @param {string} root
 * @param {readonly string[]} [more] further options of npm
 * @throws {Error} with the last lines of npm's output
 */
export async function installPackages(root, more = []) {
  // `npm run` sets the path of npm. Without it, npm on PATH is used.
  const npm = process.env.npm_execpath
  const [command, words] = npm?.endsWith('.js') ? [process.execPath, [npm]] : ['npm', []]
  // loglevel error: EBADENGINE warnings are about the machine's Node, but the packages run on the packaged Node.
  const options = ['ci', '--loglevel=error', '--no-audit', '--no-fund', ...more]
  try {
    await run(command, [...words, ...options], { cwd: root, maxBuffer: 16 << 20 })
  } catch (error) {
    if (error.code === 'ENOENT') throw new Error('npm is not on PATH: install Node ≥ 20 with npm')
    const output = `${error.stdout}\n${error.stderr}`.trim().split('\n').slice(-12).join('\n')
    throw new Error(`npm ci failed (exit code ${error.code}):\n${output}`)
  }
}

/** Whether node_modules/.bin/node exists, or the Node package for this platform is missing. */
export function nodeLinked(root) {
  return existsSync(nodeLink(root)) || !existsSync(join(root, 'node_modules', nodePackage, 'bin', 'node'))
}

/**
 * Restores node_modules/.bin/node. npm 9 (Debian 13) removes the link together with the Node package for the other
 * processor, because both packages have a program of this name.
 */
export function linkNode(root) {
  if (nodeLinked(root)) return
  const link = nodeLink(root)
  mkdirSync(dirname(link), { recursive: true })
  rmSync(link, { force: true })
  symlinkSync(join('..', nodePackage, 'bin', 'node'), link)
}

function nodeLink(root) {
  return join(root, 'node_modules', '.bin', 'node')
}

function lockedPackages(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages
  } catch {
    return undefined
  }
}
