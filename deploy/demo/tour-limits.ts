import { expectEqual, expectTrue } from './expect.ts'
import type { Step } from './tour-step.ts'

/** Of the policy: `GET /reports/**`, by subject. */
const most = 20
const windowMs = 10_000
const tries = 30

/** A subject of its own, so that what the tour did before does not count. */
export const limiting: Step = {
  title: `GET /reports/** lets one subject in ${most} times in ${windowMs / 1000} s, over both nodes, and says when to come back`,
  run: async (tourist) => {
    const token = await tourist.token({ user: 'bob', scope: 'reports:read' })
    const startMs = performance.now()
    const statuses: number[] = []
    for (let i = 0; i < tries; i++) {
      // Each on a connection of its own, which either node may take.
      const answer = await tourist.visit({ method: 'GET', target: '/reports/2026', token })
      tourist.noteExchange(answer)
      statuses.push(answer.status)
      if (answer.status !== 429) continue
      expectTrue('Retry-After in seconds', /^([1-9]|10|11)$/.test(answer.field('retry-after') ?? ''))
      expectEqual('RateLimit-Policy', answer.field('ratelimit-policy'), `"reports";q=${most};w=${windowMs / 1000}`)
      expectEqual('RateLimit', answer.field('ratelimit'), `"reports";r=0;t=${answer.field('retry-after')}`)
    }
    expectTrue('thirty requests in one window', performance.now() - startMs < windowMs)
    expectEqual('admitted', statuses.filter((status) => status === 200).length, most)
    expectEqual('refused', statuses.filter((status) => status === 429).length, tries - most)
  },
}
