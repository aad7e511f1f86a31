import { testPolicy } from './policy.ts'
import { startWorker, type TestWorker } from './worker.ts'

/**
 * Starts a real worker that ships the audit log in Redis to these sinks. The worker needs no key. Relative paths start
 * at its folder.
 *
 * @param place  port of a Redis on this machine, or the entry `redis` of the settings
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
