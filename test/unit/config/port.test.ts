import { expect, test } from 'vitest'
import { loadSettings } from '../../../gateway/config/settings.ts'
import { withPort } from '../../../gateway/port.ts'

const settingsFor = (listen: string) =>
  loadSettings({ path: undefined, env: { GATEHOUSE_POLICY_PATH: 'policy.yaml' }, flags: { listen } })

test('port 0 is a free one, and the public URL has it', async () => {
  const { listen, publicUrls } = await withPort(settingsFor('127.0.0.1:0'))

  expect(listen.port).toBeGreaterThan(0)
  expect(publicUrls).toEqual([`http://127.0.0.1:${listen.port}`])
})

test('any other port stays', async () => {
  expect((await withPort(settingsFor('127.0.0.1:8080'))).listen.port).toBe(8080)
})
