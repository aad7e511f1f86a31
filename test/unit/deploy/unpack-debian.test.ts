// Without a network, `npm run setup` fails with an error that names the network, not a missing package.

import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { hasApt, unpackDebian } from '../../../deploy/debian.mjs'

test.skipIf(!hasApt())(
  '`npm run setup` fails with an error that names the network when apt has no package lists',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'apt-'))
    writeFileSync(join(folder, 'sources.list'), 'deb http://127.0.0.1:1/debian stable main\n')
    writeFileSync(
      join(folder, 'apt.conf'),
      `Dir::Etc::sourcelist "${join(folder, 'sources.list')}"; Dir::Etc::sourceparts "/dev/null";`,
    )
    vi.stubEnv('APT_CONFIG', join(folder, 'apt.conf'))

    const unpacked = join(folder, 'nginx')
    await expect(unpackDebian(unpacked, ['nginx'], () => true)).rejects.toThrow('check the network')
    expect(readdirSync(folder)).toEqual(['apt.conf', 'sources.list'])
  },
)
