import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Packages that the built console contains, or that build it. */
const packages = ['react', 'react-dom', 'scheduler', 'uplot', 'vite', 'rolldown']

/**
 * Whether the folder of the built console exists and was built from the present sources and packages.
 *
 * @param {string} root folder of the checkout
 */
export function consoleBuilt(root) {
  if (!existsSync(join(consoleFolder(root), 'dist', 'index.html'))) return false
  return existsSync(stampOf(root)) && readFileSync(stampOf(root), 'utf8') === sourcesHash(root)
}

/**
 * Builds the console into gateway/console/dist.
 *
 * @param {string} root
 * @param {string} node path of Node 24
 * @throws {Error} with the output of Vite
 */
export async function buildConsole(root, node) {
  const hash = sourcesHash(root)
  try {
    await run(node, [join(consoleFolder(root), 'build.mjs')], { env: { ...process.env, NODE_ENV: 'production' } })
  } catch (error) {
    throw new Error(`the build of the console failed:\n${error.stdout}${error.stderr}`.trim())
  }
  mkdirSync(dirname(stampOf(root)), { recursive: true })
  writeFileSync(stampOf(root), hash)
}

const consoleFolder = (root) => join(root, 'gateway', 'console')
const stampOf = (root) => join(root, '.gatehouse', 'cache', 'console.sha256')

/** Hash of the sources of the console, of the files of gateway/base that they import, and of the versions of the packages. */
function sourcesHash(root) {
  const folder = consoleFolder(root)
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((path) => !path.startsWith(join(folder, 'dist')))
    .sort()
  const imported = ['decision', 'reasons'].map((name) => join(root, 'gateway', 'base', `${name}.ts`))
  const { packages: locked } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const hash = createHash('sha256')
  for (const name of packages) hash.update(`${name} ${locked[`node_modules/${name}`]?.integrity}\n`)
  for (const path of [...files, ...imported]) {
    hash.update(`${path.slice(root.length)}\n`).update(readFileSync(path))
  }
  return hash.digest('hex')
}
