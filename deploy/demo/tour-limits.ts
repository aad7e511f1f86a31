import { setTimeout as sleep } from 'node:timers/promises'
import { expectEqual, expectTrue } from './expect.ts'
import { requestTokens } from './grants.ts'
import { LogTail } from './log-tail.ts'
import { nodeNames } from './state.ts'
import type { TourStep } from './tour-step.ts'
import type { TourAnswer } from './tourist.ts'

const requests = 20
const windowS = 10
const visits = 30
const loggedWithinMs = 5000

/** `GET /reports/**`: 20 requests in 10 s by subject, over both nodes. */
export const limitSteps: readonly TourStep[] = [
  {
    title: `GET /reports/** ${visits} times at both nodes: ${requests} are admitted, the rest 429; who waits as told gets in`,
    run: async (tourist, state) => {
      const tails = nodeNames.map((node) => new LogTail(state.nodeLog(node)))
      // Nobody else's: the window must be empty.
      const { accessToken: token } = await requestTokens(tourist.ports, { client: 'clerk', scope: 'reports:read' })
      const answers: TourAnswer[] = []
      for (let i = 0; i < visits; i++) {
        answers.push(await tourist.visit({ method: 'GET', target: `/reports/limited/${i}`, token }))
      }
      const admitted = answers.filter(({ status }) => status === 200)
      const refused = answers.filter(({ status }) => status === 429)
      expectEqual('admitted, and refused with 429', [admitted.length, refused.length], [requests, visits - requests])
      for (const answer of answers) {
        const reached = (await tourist.seen(answer.marker)).length
        expectEqual(`arrivals at the service with status ${answer.status}`, reached, answer.status === 200 ? 1 : 0)
        tourist.noteExchange(answer)
      }
      const last = refused.at(-1)!
      const problem = JSON.parse(last.body.toString()) as Readonly<Record<string, unknown>>
      expectEqual('code in the problem document of a 429', problem.code, 'rate_limited')
      expectEqual('RateLimit of a 429', last.field('ratelimit'), `"reports";r=0;t=${last.field('retry-after')}`)
      expectEqual('RateLimit-Policy of a 429', last.field('ratelimit-policy'), `"reports";q=${requests};w=${windowS}`)
      const waitS = Number(last.field('retry-after'))
      expectTrue(`a Retry-After of 1 to ${windowS + 1} s`, waitS >= 1 && waitS <= windowS + 1)
      await decidedByBoth(tails, admitted)
      await sleep(waitS * 1000)
      const again = await tourist.visit({ method: 'GET', target: '/reports/limited/again', token })
      expectEqual('status after waiting as told', again.status, 200)
      tourist.noteExchange(again)
    },
  },
]

/** The window is one, although both nodes admitted out of it. */
async function decidedByBoth(tails: readonly LogTail[], admitted: readonly TourAnswer[]): Promise<void> {
  const ids = new Set(admitted.map((answer) => answer.field('x-request-id')))
  const counts = tails.map(() => 0)
  const deadlineMs = performance.now() + loggedWithinMs
  do {
    for (const [i, tail] of tails.entries()) counts[i]! += tail.read().filter(({ id }) => ids.has(String(id))).length
    await sleep(50)
  } while (counts.reduce((sum, count) => sum + count) < admitted.length && performance.now() < deadlineMs)
  expectTrue(
    `that both nodes admitted some: ${counts.join(' and ')}`,
    counts.every((count) => count > 0),
  )
}
