// A systemd unit restarts a crashed node, but not a node with invalid settings.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { startNodeProcess } from '../../kit/node.ts'
import { testPolicy } from '../../kit/policy.ts'

const checkout = resolve(import.meta.dirname, '../../..')
const names = ['gatehouse.service', 'gatehouse-worker@.service']
const unit = (name: string) => readFileSync(join(checkout, 'deploy/systemd', name), 'utf8')
const notRestarted = (name: string) => /^RestartPreventExitStatus=(.*)$/m.exec(unit(name))?.[1]?.split(' ')

/** Runs the command of a systemd unit, with the paths of this checkout. @returns the exit code */
function run(name: string, config: string): number | null {
  const [, command] = /^ExecStart=(.*)$/m.exec(unit(name))!
  const [file, ...words] = command!.replaceAll('/opt/gatehouse', checkout).split(' ')
  return spawnSync(file!, [...words.slice(0, -1), config], { timeout: 100_000 }).status
}

test.each(names)(
  'the systemd unit %s does not restart a process that ends because of an invalid configuration',
  (name) => {
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-unit-'))
    const config = join(folder, 'gatehouse.yaml')
    writeFileSync(config, 'lissen: :8080\n')

    const status = run(name, config)
    rmSync(folder, { recursive: true })

    expect(status).toBe(1)
    expect(notRestarted(name)).toContain('1')
  },
)

test('a crashed node exits with code 70, after which the systemd units of nodes and workers restart their process', async () => {
  const breaks = "process.on('SIGUSR2', () => { throw new Error('a fault') })"
  const node = await startNodeProcess({
    policy: testPolicy({ issuer: 'https://idp.test', orders: 'http://127.0.0.1:9' }),
    env: { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(breaks)}` },
  })

  node.signal('SIGUSR2')

  expect(await node.ended()).toBe(70)
  for (const name of names) expect(notRestarted(name)).not.toContain('70')
})

test.each(names)('the systemd unit %s has a folder for persistent state', (name) => {
  const [, folder] = /^StateDirectory=(.*)$/m.exec(unit(name)) ?? []

  expect(folder).toMatch(/^gatehouse/)
  expect(unit(name)).toContain('StateDirectoryMode=0700')
})

test.runIf(existsSync('/usr/bin/systemd-analyze'))('systemd-analyze accepts the systemd units', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-unit-'))
  const files = names.map((name) => {
    const file = join(folder, name)
    writeFileSync(file, unit(name).replaceAll('/opt/gatehouse', checkout))
    return file
  })

  const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...files], { encoding: 'utf8' })
  rmSync(folder, { recursive: true })

  expect([status, stderr]).toEqual([0, ''])
})
