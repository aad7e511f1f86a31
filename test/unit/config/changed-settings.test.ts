import { expect, test } from 'vitest'
import { changedSettings } from '../../../gateway/config/changed-settings.ts'

const sink = (more: object) => ({ audit: { sinks: { siem: { type: 'http', url: 'https://siem.example', ...more } } } })
const token = (file: string) => ({ auth: { token: { file } } })
const redis = (more: object) => ({ redis: { url: 'redis://127.0.0.1', ...more } })

test.each([
  {
    change: 'another file of a sink secret',
    before: sink(token('a')),
    after: sink(token('b')),
    live: ['audit.sinks.siem.auth.token.file'],
  },
  {
    change: 'another CA file of a sink',
    before: sink({ tls: { ca: 'a' } }),
    after: sink({ tls: { ca: 'b' } }),
    live: ['audit.sinks.siem.tls.ca'],
  },
  {
    change: 'a sink that starts to send a secret',
    before: sink({}),
    after: sink(token('a')),
    restart: ['audit.sinks.siem.auth'],
  },
  {
    change: 'another time-out of a sink',
    before: sink({ timeout: '1s' }),
    after: sink({ timeout: '2s' }),
    restart: ['audit.sinks.siem.timeout'],
  },
  { change: 'a new sink', before: { audit: {} }, after: sink({}), restart: ['audit.sinks'] },
  {
    change: 'another user of Redis',
    before: redis({ username: 'a' }),
    after: redis({ username: 'b' }),
    live: ['redis.username'],
  },
  {
    change: 'a first password of Redis',
    before: redis({}),
    after: redis({ password: { file: 'a' } }),
    live: ['redis.password.file'],
  },
  {
    change: 'another address of Redis',
    before: redis({}),
    after: { redis: { url: 'redis://127.0.0.2' } },
    restart: ['redis.url'],
  },
])(
  'a comparison of the settings before and after a reload with $change lists each change as applied live or as needing a restart',
  ({ before, after, live = [], restart = [] }) => {
    expect(changedSettings(before, after)).toEqual({ live, restart })
  },
)
