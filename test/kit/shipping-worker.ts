import { testPolicy } from './policy.ts'
import { startWorker, type TestWorker } from './worker.ts'

/**
 * A real worker that ships the log of a Redis to these sinks, and needs no key for it. Its folder is where relative paths begin.
 *
 * @param place  a port of this machine, or the settings `redis`
 */
export function startShipping(
  place: number | Readonly<Record<string, unknown>>,
  sinks: Readonly<Record<string, unknown>>,
  env: Readonly<Record<string, string>> = {},
): Promise<TestWorker> {
  return startWorker({
    policy: testPolicy({ issuer: 'http://127.0.0.1:9', orders: 'http://127.0.0.1:9' }),
    settings: {
      redis: typeof place === 'number' ? { url: `redis://127.0.0.1:${place}` } : place,
      probes: { listen: '127.0.0.1:0' },
      audit: { sinks },
    },
    env,
  })
}
