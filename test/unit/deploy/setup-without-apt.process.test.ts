// On a machine without apt, `npm run setup` names all programs to install before it does anything else.

import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

test('on a machine without apt, `npm run setup` prints one message that names the missing programs, and fetches no package', () => {
  const root = mkdtempSync(join(tmpdir(), 'setup-'))
  const checkout = join(import.meta.dirname, '..', '..', '..')
  const cli = ['compile-cache.mjs', 'own-folder.mjs'].map((name) => join('gateway', 'cli', name))
  for (const part of ['deploy', 'package-lock.json', ...cli]) {
    cpSync(join(checkout, part), join(root, part), { recursive: true })
  }

  const env = { ...process.env, PATH: join(root, 'nothing'), GATEHOUSE_REDIS_URL: '' }
  const { status, stderr } = spawnSync(process.execPath, ['deploy/setup.mjs'], { cwd: root, env, encoding: 'utf8' })
  expect(status).toBe(1)
  expect(stderr).toMatch(
    /^setup: this machine has no apt.* Redis .* GATEHOUSE_REDIS_URL.* Caddy, Prometheus, promtool\n$/,
  )
  expect(existsSync(join(root, 'node_modules'))).toBe(false)
})
