// `gatehouse demo` of an installed package installs oidc-provider when it is first used, and prints a message.

import { execFile } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, test } from 'vitest'

const run = promisify(execFile)
const checkout = join(import.meta.dirname, '../../..')
const root = mkdtempSync(join(tmpdir(), 'gatehouse-installed-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

/** Creates a package as npm installs it: without development dependencies. */
function installedPackage(name: string): string {
  const folder = join(root, name)
  for (const part of ['deploy', 'gateway', 'package.json'])
    cpSync(join(checkout, part), join(folder, part), { recursive: true })
  rmSync(join(folder, 'deploy/demo/provider/node_modules'), { recursive: true, force: true })
  mkdirSync(join(folder, 'node_modules'))
  const { dependencies } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { dependencies: object }
  for (const each of readdirSync(join(checkout, 'node_modules'))) {
    if (Object.hasOwn(dependencies, each))
      symlinkSync(join(checkout, 'node_modules', each), join(folder, 'node_modules', each))
  }
  return folder
}

/** Creates a replacement for npm that records its arguments and links the oidc-provider of the checkout. */
function npmIn(folder: string): string {
  // The replacement is outside of the package, because scripts in the package are ES modules.
  const path = join(root, `npm-of-${basename(folder)}.js`)
  const lines = [
    "const fs = require('node:fs')",
    `fs.appendFileSync(${JSON.stringify(join(folder, 'npm.log'))}, process.argv.slice(2).join(' ') + '\\n')`,
    "const lock = JSON.parse(fs.readFileSync('package-lock.json', 'utf8'))",
    "fs.mkdirSync('node_modules', { recursive: true })",
    `fs.symlinkSync(${JSON.stringify(join(checkout, 'node_modules/oidc-provider'))}, 'node_modules/oidc-provider')`,
    "delete lock.packages['']",
    "fs.writeFileSync('node_modules/.package-lock.json', JSON.stringify(lock))",
  ]
  writeFileSync(path, lines.join('\n'))
  return path
}

const install = `
  const { installProvider } = await import(process.argv[1] + '/deploy/demo/install-provider.ts')
  await installProvider((line) => console.log(line))
  const { Provider } = await import(process.argv[1] + '/deploy/demo/provider-package.ts')
  console.log('provider: ' + typeof Provider)
`

async function use(folder: string): Promise<string> {
  const env = { ...process.env, npm_execpath: npmIn(folder) }
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', install, folder], {
    cwd: folder,
    env,
  })
  return stdout
}

const calls = (folder: string) =>
  existsSync(join(folder, 'npm.log')) ? readFileSync(join(folder, 'npm.log'), 'utf8') : ''

test('the demo of an installed package runs `npm ci --ignore-scripts` for oidc-provider only the first time, and says so', async () => {
  const folder = installedPackage('once')
  const [first, second] = [await use(folder), await use(folder)]

  expect(first).toMatch(
    /^Installing the demo's authorization server, oidc-provider 9\.\S+ \(\d+ packages, each checked against/,
  )
  expect(first).toContain('provider: function')
  expect(second).toBe('provider: function\n')
  expect(calls(folder)).toMatch(/^ci .*--ignore-scripts\n$/)
})

test('the demo repeats an interrupted installation of oidc-provider', async () => {
  const folder = installedPackage('broken')
  await use(folder)
  const [version] = readdirSync(join(folder, '.gatehouse/demo-packages'))
  rmSync(join(folder, '.gatehouse/demo-packages', version!, 'node_modules'), { recursive: true })

  expect(await use(folder)).toContain('Installing')
})

test('the demo installs oidc-provider again if it was installed with another lock file', async () => {
  const folder = installedPackage('other')
  await use(folder)
  appendFileSync(join(folder, 'deploy/demo/provider/package-lock.json'), '\n')
  const [version] = readdirSync(join(folder, '.gatehouse/demo-packages'))
  rmSync(join(folder, '.gatehouse/demo-packages', version!, 'node_modules/oidc-provider'))

  expect(await use(folder)).toContain('Installing')
})

test('the demo in a checkout of the repository installs no oidc-provider and prints no message', async () => {
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', install, checkout], {
    cwd: checkout,
  })

  expect(stdout).toBe('provider: function\n')
})
