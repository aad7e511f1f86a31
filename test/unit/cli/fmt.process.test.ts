// `gatehouse fmt` rewrites the files of a policy; with --check it changes nothing and states the result by its exit code.

import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { runEach } from './run-gatehouse.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-fmt-'))
afterAll(() => rmSync(folder, { recursive: true }))

const issuers = 'version: 1\nissuers:\n    main: { audience: [a], issuer: "https://idp.test" }\n'
const services = `version: 1
services:
  s:
    upstreams: [http://s.test]
    routes:
      - id: r
        match: { path: / }
        require: public
`

test('`gatehouse fmt` formats each file of a folder, keeps its mode, and leaves no other file', () => {
  const [first, second] = [join(folder, 'issuers.yaml'), join(folder, 'services.yaml')]
  writeFileSync(first, issuers)
  chmodSync(first, 0o640)
  writeFileSync(second, services)
  const [check, format, again] = runEach([
    ['fmt', folder, '--check'],
    ['fmt', folder],
    ['fmt', folder, '--check', '--output', 'json'],
  ])

  expect(check).toEqual({ status: 1, stdout: `${first}: not formatted\n`, stderr: '' })
  expect(format).toEqual({ status: 0, stdout: `${first}: formatted\n`, stderr: '' })
  expect(again!.status).toBe(0)
  expect(JSON.parse(again!.stdout)).toEqual({
    files: [
      { file: first, changed: false },
      { file: second, changed: false },
    ],
  })
  expect(readFileSync(first, 'utf8')).toBe(
    'version: 1\nissuers:\n  main: { issuer: "https://idp.test", audience: [a] }\n',
  )
  expect(readFileSync(second, 'utf8')).toBe(services)
  expect(statSync(first).mode & 0o777).toBe(0o640)
  expect(readdirSync(folder).sort()).toEqual(['issuers.yaml', 'services.yaml'])
})

test('`gatehouse fmt` changes no file of an invalid policy', () => {
  const path = join(folder, 'invalid.yml')
  const text = services.replace('public', 'private').replaceAll('  ', '    ')
  writeFileSync(path, text)
  const [run] = runEach([['fmt', path]])

  expect(run).toMatchObject({ status: 1, stdout: '' })
  expect(run!.stderr).toContain(`${path}:8:`)
  expect(readFileSync(path, 'utf8')).toBe(text)
})
