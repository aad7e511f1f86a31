// A secret follows its file: changes by writing, by renaming, and by Kubernetes, which replaces the folder behind a link.

import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { afterAll, expect, test } from 'vitest'
import { Secrets } from '../../../gateway/config/secrets.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-secrets-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let files = 0
function fileWith(text: string): string {
  const file = join(folder, `secret-${++files}`)
  writeFileSync(file, text, { mode: 0o600 })
  return file
}

function replace(file: string, text: string): void {
  writeFileSync(`${file}.new`, text, { mode: 0o600 })
  renameSync(`${file}.new`, file)
}

function watching() {
  const lines: (readonly [string, string, Readonly<Record<string, unknown>>])[] = []
  const secrets = new Secrets({ env: { TOKEN: 'from-env\n' }, log: (...line) => lines.push(line) })
  const open = (file: string, check?: (text: string) => string | undefined) =>
    secrets.open({ file }, { path: ['issuers', 'corp', 'login', 'client_secret'], usedBy: 'login', check })
  // The second poll finds the file unchanged since the first one, and reads it.
  const polled = () => {
    secrets.poll()
    secrets.poll()
  }
  return { secrets, open, polled, lines }
}

const kubernetesFolder = (text: string): string => {
  const mount = join(folder, `mount-${++files}`)
  mkdirSync(join(mount, '..v1'), { recursive: true })
  writeFileSync(join(mount, '..v1', 'secret'), text, { mode: 0o600 })
  symlinkSync('..v1', join(mount, '..data'))
  symlinkSync('..data/secret', join(mount, 'secret'))
  return join(mount, 'secret')
}

function swapKubernetes(file: string, text: string): void {
  const mount = join(file, '..')
  mkdirSync(join(mount, '..v2'))
  writeFileSync(join(mount, '..v2', 'secret'), text, { mode: 0o600 })
  symlinkSync('..v2', join(mount, '..data_tmp'))
  renameSync(join(mount, '..data_tmp'), join(mount, '..data'))
  rmSync(join(mount, '..v1'), { recursive: true })
}

test.each([
  { by: 'writing', make: fileWith, change: (file: string, text: string) => writeFileSync(file, text) },
  { by: 'renaming', make: fileWith, change: replace },
  { by: 'a swap of the Kubernetes folder ..data', make: kubernetesFolder, change: swapKubernetes },
])(
  'after the file of a secret is changed by $by, the secret has the new value and keeps the previous value',
  ({ make, change }) => {
    const { open, polled, lines } = watching()
    const file = make('one\n')
    const secret = open(file)
    const seen: string[] = []
    secret.changed(() => seen.push(secret.current))

    change(file, 'two\n')
    polled()

    expect(secret).toMatchObject({ current: 'two', previous: 'one', presented: 'two' })
    expect(seen).toEqual(['two'])
    const fields = { secret: 'issuers.corp.login.client_secret', source: `file ${file}`, used_by: 'login' }
    expect(lines).toEqual([['info', 'secret changed; the new value is in use', fields]])
  },
)

test('if the file of a secret changes between two polls, the file is read only after a later poll finds it unchanged', () => {
  const { secrets, open } = watching()
  const file = fileWith('one')
  const secret = open(file)

  writeFileSync(file, 'tw')
  secrets.poll()
  writeFileSync(file, 'two')
  secrets.poll()
  expect(secret.current).toBe('one')
  secrets.poll()

  expect(secret).toMatchObject({ current: 'two', previous: 'one' })
})

test.each([
  { fault: 'is empty', change: (file: string) => writeFileSync(file, '\n'), problem: /is empty: / },
  { fault: 'is removed', change: (file: string) => rmSync(file), problem: /cannot be read \(ENOENT\): / },
  {
    fault: 'fails its check',
    change: (file: string) => replace(file, 'bad-value'),
    problem: /^\/.*\/secret-\d+ must not be bad$/,
  },
])('a secret whose file $fault keeps its value, and one log line states the problem', ({ change, problem }) => {
  const { secrets, open, polled, lines } = watching()
  const file = fileWith('one')
  const secret = open(file, (text) => (text.startsWith('bad') ? 'must not be bad' : undefined))

  change(file)
  polled()
  polled()

  expect(secret).toMatchObject({ current: 'one', previous: undefined })
  expect(lines).toEqual([
    [
      'error',
      'secret rejected; the value in use stays active',
      expect.objectContaining({ problem: expect.stringMatching(problem) }),
    ],
  ])
  expect(secrets.list()[0]?.problem).toMatch(problem)
  expect(inspect([lines, secrets.list()])).not.toContain('bad-value')

  replace(file, 'two')
  polled()
  expect(secret).toMatchObject({ current: 'two', previous: 'one' })
  expect(secrets.list()[0]?.problem).toBeNull()
})

test('after a peer refuses the new value of a secret, the previous value is sent; after a peer refuses that value too, the new value is sent again', () => {
  const { open, polled } = watching()
  const file = fileWith('one')
  const secret = open(file)
  expect(secret.refused('one')).toBe(false)
  replace(file, 'two')
  polled()

  expect(secret.refused('two')).toBe(true)
  expect(secret.presented).toBe('one')
  expect(secret.refused('one')).toBe(true)
  expect(secret.presented).toBe('two')
})

test('when a peer refuses a secret, the file of the secret is read at once, and a newer value is sent', () => {
  const { open } = watching()
  const file = fileWith('one')
  const secret = open(file)
  replace(file, 'two')

  expect(secret.refused('one')).toBe(true)
  expect(secret.presented).toBe('two')
})

test('the value of a secret appears neither in the inventory of secrets nor in its JSON nor in util.inspect', () => {
  const { secrets, polled } = watching()
  const file = fileWith('value-one')
  const use = (name: string) => ({ path: ['admin', name], usedBy: 'admin API' })
  const opened = [secrets.open({ file }, use('b')), secrets.open({ env: 'TOKEN' }, use('a'))]
  replace(file, 'value-two')
  polled()

  expect(secrets.list()).toMatchObject([
    { name: 'admin.a', source: 'env TOKEN', used_by: 'admin API', previous_valid: false, problem: null },
    { name: 'admin.b', source: `file ${file}`, used_by: 'admin API', previous_valid: true, problem: null },
  ])
  const shown = [opened, secrets, secrets.list()].map(
    (each) => JSON.stringify(each) + inspect(each, { depth: 9, showHidden: true }),
  )
  expect(shown.join()).not.toMatch(/value-|from-env/)
})

test('the file of a closed secret is no longer read, and the secret is no longer listed', () => {
  const { secrets, open, polled, lines } = watching()
  const file = fileWith('one')
  const secret = open(file)
  secret.close()
  replace(file, 'two')
  polled()

  expect(secret.current).toBe('one')
  expect(secrets.list()).toEqual([])
  expect(lines).toEqual([])
})

test.each([
  { place: { env: 'ABSENT' }, message: 'environment variable ABSENT is not set' },
  {
    place: { file: '/nonexistent/secret' },
    message:
      '/nonexistent/secret cannot be read (ENOENT): no file or folder has this path; create it, or correct the path',
  },
])('opening a secret from $place fails with an error that names the source of the secret', ({ place, message }) => {
  const { secrets } = watching()
  expect(() => secrets.open(place, { path: ['admin', 'bootstrap_token'], usedBy: 'admin API' })).toThrow(message)
  expect(secrets.list()).toEqual([])
})
