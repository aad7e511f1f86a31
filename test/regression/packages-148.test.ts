import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { expect, test } from 'vitest'

// S-148: the installed packages are those of the lockfile, and their installation runs no script.

const read = (path: string) => readFileSync(resolve(import.meta.dirname, '../..', path), 'utf8')

interface Locked {
  readonly version?: string
  readonly integrity?: string
  readonly resolved?: string
  readonly hasInstallScript?: boolean
  readonly optional?: boolean
  readonly dev?: boolean
}
const { packages } = JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked> }
const locked = Object.entries(packages).filter(([path]) => path !== '')

test('S-148 the lockfile has a SHA-512 hash for each package, and no registry URL', () => {
  expect(locked.length).toBeGreaterThan(100)
  expect(locked.filter(([, { integrity }]) => !/^sha512-[\w+/]{86}==$/.test(integrity ?? ''))).toEqual([])
  expect(locked.filter(([, { resolved }]) => resolved !== undefined)).toEqual([])
})

test('S-148 package.json pins exact versions, and the lockfile has the same versions', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
    expect([name, packages[`node_modules/${name}`]?.version]).toEqual([name, version.replace(/^npm:.*@/, '')])
  }
})

test('S-148 no package that production needs has an install script, and npm runs no install scripts in the checkout or in the Dockerfile', () => {
  const scripts = locked.filter(
    ([, { hasInstallScript, optional, dev }]) => hasInstallScript === true && optional !== true && dev !== true,
  )

  expect(scripts).toEqual([])
  expect(read('.npmrc').split('\n')).toContain('ignore-scripts=true')
  const installs = read('Dockerfile')
    .split('\n')
    .filter((line) => /\bnpm (?:ci|i|install)\b/.test(line))
  expect(installs.length).toBeGreaterThan(0)
  for (const line of installs) expect(line).toMatch(/\bnpm ci\b.*--ignore-scripts/)
})

const demo = JSON.parse(read('deploy/demo/provider/package-lock.json')) as { packages: Record<string, Locked> }

test('oidc-provider and koa are development packages, not production packages', () => {
  const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> }
  expect(Object.keys(dependencies)).not.toContain('oidc-provider')
  for (const name of ['oidc-provider', 'koa']) expect(packages[`node_modules/${name}`]).toMatchObject({ dev: true })
})

test('the lockfile of the demo has the same versions and hashes as the main lockfile, and no install script', () => {
  const pinned = Object.entries(demo.packages).filter(([path]) => path !== '')

  expect(pinned.map(([path]) => path)).toContain('node_modules/oidc-provider')
  for (const [path, { version, integrity, hasInstallScript }] of pinned) {
    expect([path, version, integrity]).toEqual([path, packages[path]?.version, packages[path]?.integrity])
    expect(integrity).toMatch(/^sha512-/)
    expect(hasInstallScript).toBeUndefined()
  }
})

test('only the Dockerfile stage `demo` contains demo packages, and this stage installs them from the lockfile of the demo', () => {
  const stages = read('Dockerfile').split(/^FROM /m)
  const [withDemo, ...more] = stages.filter((stage) => stage.includes('deploy/demo'))

  expect(more).toEqual([])
  expect(withDemo).toMatch(/^gatehouse AS demo\n/)
  expect(withDemo).toMatch(/cd \/opt\/gatehouse\/deploy\/demo\/provider && npm ci --ignore-scripts/)
})
