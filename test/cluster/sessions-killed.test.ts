// A node process (the victim) is killed at each step of a session refresh. The session survives, with one exception
// that no gate can avoid: the process dies after the reply of the issuer and before it stores the new tokens. Then the
// old refresh token is used up and the new one is lost. For some time this case cannot be distinguished from a late
// reply.

import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, expect, test } from 'vitest'
import { testRedis } from '../kit/redis.ts'
import { type RefreshProvider, startRefreshProvider } from '../kit/refresh-provider.ts'
import { encryptionKey, loginOf, type SessionNode, startSessionNodes, type Use } from '../kit/session-node.ts'
import { until } from '../kit/until.ts'

/**
 * Duration of the lease for a refresh, ms. Longer than a busy machine suspends a process: the lease of a running
 * process must not pass to another process.
 */
const leaseMs = 5000

let provider: RefreshProvider
let victims: SessionNode[]
let others: SessionNode[]

beforeAll(async () => {
  provider = await startRefreshProvider()
  const redisPort = (await testRedis()).port
  const shared = { provider, redisPort, keys: [encryptionKey('k')], leaseMs }
  victims = await startSessionNodes({ nodes: 5, ...shared })
  others = await startSessionNodes({ nodes: 3, ...shared })
})

interface Scene {
  readonly victim: SessionNode
  readonly cookie: string
  /** The exchange of the victim, the node that the test kills. Resolves when the victim is killed. */
  readonly started: Promise<unknown>
}

/** Lets the victim node use a session whose access token has expired, so that the node starts a refresh. */
async function begin(number: number, stopAt?: 'leased' | 'answered'): Promise<Scene> {
  const victim = victims[number]!
  const { cookie } = await others[0]!.create(await loginOf(provider, { leftS: 0 }))
  await victim.stopAt(stopAt)
  const reached = stopAt === undefined ? undefined : victim.says(stopAt)
  const started = victim.use(cookie).catch(() => undefined)
  await reached
  return { victim, cookie, started }
}

/**
 * Kills the victim, the node that refreshes the session, while each other node runs 50 exchanges with the session.
 *
 * @returns the number of exchanges per outcome
 */
async function killed({ victim, cookie, started }: Scene): Promise<Map<string, number>> {
  const uses = Promise.all(others.map((node) => node.use(cookie, 50)))
  await sleep(50)
  await victim.kill()
  await started
  return counted((await uses).flat())
}

function counted(uses: readonly Use[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const use of uses) {
    const outcome = typeof use === 'string' ? use : `version ${use.version}`
    counts.set(outcome, (counts.get(outcome) ?? 0) + 1)
  }
  return counts
}

test('if a node with the refresh lock of a session dies before it calls the issuer, another node refreshes the session', async () => {
  const before = { ...provider.calls }

  expect(await killed(await begin(0, 'leased'))).toEqual(new Map([['version 2', 150]]))
  expect(provider.calls).toEqual({ asked: before.asked + 1, granted: before.granted + 1, refused: before.refused })
})

test('if a node dies after it sent a refresh request and before the issuer acts, another node refreshes the session', async () => {
  const before = { ...provider.calls }
  provider.held = new Promise(() => {})
  const scene = await begin(1)
  await until('the issuer has received the refresh', () => provider.calls.asked > before.asked)
  provider.held = undefined

  expect(await killed(scene)).toEqual(new Map([['version 2', 150]]))
  expect(provider.calls).toEqual({ asked: before.asked + 2, granted: before.granted + 1, refused: before.refused })
})

test('if a node dies after it stored the refreshed tokens of a session, the other nodes use these tokens', async () => {
  const before = { ...provider.calls }
  const scene = await begin(2)
  await scene.started

  expect(await killed(scene)).toEqual(new Map([['version 2', 150]]))
  expect(provider.calls).toEqual({ asked: before.asked + 1, granted: before.granted + 1, refused: before.refused })
})

test('if a node dies before it stores refreshed tokens, requests first get `refresh-unavailable`, and then the session ends', async () => {
  const scene = await begin(3, 'answered')
  const { cookie } = scene

  expect(await killed(scene)).toEqual(new Map([['refresh-unavailable', 150]]))
  const uses: Use[] = []
  while (uses.at(-1) === 'refresh-unavailable' || uses.length === 0) {
    await sleep(200)
    uses.push((await others[1]!.use(cookie))[0]!)
  }
  expect(uses.at(-1)).toBe('over')
  expect(counted((await Promise.all(others.map((node) => node.use(cookie)))).flat())).toEqual(new Map([['none', 3]]))
})

test('when a suspended node resumes, it uses the late reply to its refresh and keeps the session, although another node rejected a request with `refresh-unavailable` meanwhile', async () => {
  const victim = victims[4]!
  const { cookie } = await others[0]!.create(await loginOf(provider, { leftS: 0 }))
  const before = { ...provider.calls }
  const { promise: held, resolve: answer } = Promise.withResolvers<void>()
  provider.held = held
  const started = victim.use(cookie)
  await until('the issuer has received the refresh', () => provider.calls.asked > before.asked)
  provider.held = undefined
  victim.signal('SIGSTOP')
  answer()
  await until('the issuer has sent its reply', () => provider.calls.granted > before.granted)
  const [use] = await others[0]!.use(cookie)
  victim.signal('SIGCONT')

  expect(use).toBe('refresh-unavailable')
  expect(counted(await started)).toEqual(new Map([['version 2', 1]]))
  expect(counted(await others[0]!.use(cookie))).toEqual(new Map([['version 2', 1]]))
})
