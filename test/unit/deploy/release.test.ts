import { readFileSync } from 'node:fs'
import { join, matchesGlob } from 'node:path'
import { expect, test } from 'vitest'
import { releaseDockerfile } from '../../../deploy/release/image-context.ts'
import { importsOf, packageFiles } from '../../../deploy/release/package-files.ts'
import { packageManifest, shrinkwrap } from '../../../deploy/release/package-manifest.ts'
import { disagreements, type VersionTexts } from '../../../deploy/release/version-agreement.ts'

const checkout = join(import.meta.dirname, '../../..')
const files = packageFiles(checkout)
const paths = new Set(files.map(({ path }) => path))
const modules = files.filter(({ path }) => /[.]m?js$/.test(path))

const agreeing: VersionTexts = {
  packageJson: '{"version":"1.2.3"}',
  packageLock: '{"version":"1.2.3","packages":{"":{"version":"1.2.3"}}}',
  chart: 'version: 1.2.3\nappVersion: 1.2.3\n',
  changelog: '# Changelog\n\n## [1.2.3] - 2030-01-31\n\n## [1.2.2] - 2030-01-01\n',
  tags: ['v1.2.3'],
}

test('a release with the same version in all places is accepted, with and without a tag', () => {
  expect(disagreements(agreeing)).toEqual([])
  expect(disagreements({ ...agreeing, tags: [] })).toEqual([])
})

test.each<[change: Partial<VersionTexts>, message: string]>([
  [
    { packageLock: '{"version":"1.2.2","packages":{"":{"version":"1.2.3"}}}' },
    'package-lock.json, version: found 1.2.2',
  ],
  [{ chart: 'version: 1.2.2\nappVersion: 1.2.3\n' }, 'Chart.yaml, version: found 1.2.2, expected 1.2.3'],
  [{ chart: 'version: 1.2.3\nappVersion: 1.2.2\n' }, 'Chart.yaml, appVersion: found 1.2.2, expected 1.2.3'],
  [{ changelog: '## [Unreleased]\n\n## [1.2.3]\n' }, 'first heading: found ## [Unreleased], expected ## [1.2.3]'],
  [{ tags: ['v1.2.4'] }, 'tag of the commit: found v1.2.4, expected v1.2.3'],
])('a release is refused because of %o, and the message names the place', (change, message) => {
  const [found, ...more] = disagreements({ ...agreeing, ...change })

  expect(found).toContain(message)
  expect(more).toEqual([])
})

test('the npm package has JavaScript and no TypeScript, tests, benchmarks or files with secrets', () => {
  const expected = [
    'bin/gatehouse',
    'gateway/cli/cli.js',
    'workers/main.js',
    'deploy/demo/policy.yaml',
    'deploy/watchdog.js',
  ]
  expect([...paths]).toEqual(expect.arrayContaining(expected))
  expect(
    [...paths].filter((path) => /[.]ts$|[.]test[.]|[.]env|[.]key$|^(test|bench)\/|node_modules/.test(path)),
  ).toEqual([])
})

test('the npm package has the built console and the licences of its packages, without the sources of the console', () => {
  const ofConsole = [...paths].filter((path) => path.startsWith('gateway/console/'))

  expect(ofConsole).toEqual(
    expect.arrayContaining(['gateway/console/dist/index.html', 'gateway/console/dist/licences.txt']),
  )
  expect(ofConsole.filter((path) => !path.startsWith('gateway/console/dist/'))).toEqual([])
})

test('every file of /opt/gatehouse that the systemd units and the production page name is in the npm package', () => {
  const units = files.filter(({ path }) => path.endsWith('.service'))
  const page = readFileSync(join(checkout, 'docs/guide/production.md'), 'utf8')
  const named = [...units.map(({ content }) => String(content)), page]
    .flatMap((text) => [...text.matchAll(/\/opt\/gatehouse\/([\w./*-]+)/g)])
    .map(([, path]) => path!)
    .filter((path) => !path.startsWith('node_modules/'))

  expect(units.length).toBe(2)
  expect(named).toContain('deploy/haproxy*.cfg')
  expect(named.filter((path) => ![...paths].some((one) => matchesGlob(one, path)))).toEqual([])
})

test('every relative import in the npm package leads to a file of the package', () => {
  paths.add('package.json')
  const broken = modules.flatMap(({ path, content }) =>
    importsOf(String(content))
      .map((imported) => join(path, '..', imported))
      .filter((target) => !paths.has(target)),
  )

  expect(modules.length).toBeGreaterThan(500)
  expect(broken).toEqual([])
})

test('the npm package imports only packages of its package.json, which lists no development package', () => {
  const { dependencies } = packageManifest(checkout)
  const statement = /^(?:import|export)\s(?:[\w*{}\s,$]*?\bfrom\s*)?['"](?!node:)((?:@[\w-]+\/)?\w[\w.-]*)/gm
  const imported = modules.flatMap(({ content }) => [...String(content).matchAll(statement)].map(([, name]) => name!))
  const { devDependencies } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'))

  expect(imported).toContain('jose')
  expect([...new Set(imported)].filter((name) => !Object.hasOwn(dependencies, name))).toEqual([])
  expect(Object.keys(devDependencies).filter((name) => name in dependencies && imported.includes(name))).toEqual([])
  // Versions are exact, because npm ignores npm-shrinkwrap.json of a tarball.
  expect(Object.values(dependencies).filter((range) => !/^(npm:@[\w/.-]+@)?\d+\.\d+\.\d+$/.test(range))).toEqual([])
})

test('npm-shrinkwrap.json of the npm package lists no package that only development needs', () => {
  const { packages } = shrinkwrap(checkout) as { packages: Record<string, object> }

  expect(packages).toHaveProperty(['node_modules/jose'])
  expect(packages).not.toHaveProperty(['node_modules/vitest'])
  expect(packages['']).not.toHaveProperty('devDependencies')
})

test('the Dockerfile of a release names its base image by digest and has labels for version and commit', () => {
  const source = { version: '1.2.3', commit: 'abc', created: '2030-01-31T00:00:00.000Z' }
  const dockerfile = releaseDockerfile(readFileSync(join(checkout, 'Dockerfile'), 'utf8'), source)

  expect(dockerfile).toMatch(/^ARG NODE_IMAGE=node:[\w-]+@sha256:[0-9a-f]{64}$/m)
  expect(dockerfile).toMatch(/^LABEL .*image\.version="1\.2\.3" .*image\.revision="abc"/ms)
  expect(() => releaseDockerfile('FROM other', source)).toThrow('base-image.json')
})
