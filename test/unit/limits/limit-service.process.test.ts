import { beforeAll, expect, test } from 'vitest'
import type { LimitRule } from '../../../gateway/base/limit-rule.ts'
import { identityOf } from '../../../gateway/limits/identity.ts'
import { LimitService } from '../../../gateway/limits/limit-service.ts'
import { Limiter } from '../../../gateway/limits/limiter.ts'
import { PermitStore } from '../../../gateway/limits/permit-store.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'
import { until } from '../../kit/until.ts'

// docs/design/contract.md §10, `limits list` and `limits reset`: how operators list the windows of a rate limit, and
// how a reset empties a window in the whole cluster.

const rule = (mode: LimitRule['mode']): LimitRule => ({
  name: mode,
  label: `route/r/${mode}`,
  key: mode,
  by: ['route', 'subject'],
  mode,
  requests: 2000,
  windowMs: 60_000,
  cost: 500,
  shadow: false,
  policyItem: '',
})
const rules = [rule('exact'), rule('leased')]
const alice = { route: 'r', issuer: 'https://a.test', subject: 'alice' }

interface Node {
  readonly limiter: Limiter
  readonly service: LimitService
}
let one: Node
let two: Node

beforeAll(async () => {
  const { port } = await testRedis()
  const start = async (): Promise<Node> => {
    const link = await testLink(redisSettingsFor(port))
    const store = new PermitStore(link)
    const limiter = new Limiter({ store })
    atEnd(() => limiter.close())
    return { limiter, service: new LimitService(limiter, store, () => rules) }
  }
  ;[one, two] = [await start(), await start()]
})

async function ask({ limiter }: Node, limit: LimitRule): Promise<boolean> {
  const who = { client: undefined, session: undefined, address: undefined, claim: () => undefined, ...alice }
  return (await limiter.take([limiter.bucket(limit, identityOf(limit.by, who))], 'closed'))?.allowed !== false
}

test.each(rules)(
  '`limits list` shows a window of a limit with mode $mode with the requests of all nodes, and a reset at one node empties the window for another node',
  async (limit) => {
    for (const node of [one, two, one]) expect(await ask(node, limit)).toBe(true)
    expect(await one.service.list(limit.label)).toEqual([
      {
        limit: limit.label,
        bucket: alice,
        requests: 2000,
        window_ms: 60_000,
        mode: limit.mode,
        used: expect.any(Number),
        held: expect.any(Number),
      },
    ])
    const [listed] = await two.service.list(limit.label)
    expect(listed!.used).toBeGreaterThanOrEqual(1500)

    await ask(two, limit)
    expect(await ask(one, limit)).toBe(false)
    expect(await two.service.reset({ limit: limit.label, ...alice })).toEqual({ limit: limit.label, existed: true })
    // A node with a full leased window requests permits again within 2 s.
    await until('a request is admitted', () => ask(one, limit))
  },
)

test.each([
  [{ limit: 'nothing' }, 'limit_unknown'],
  [{ limit: 'route/r/exact', subject: 'alice' }, 'bucket_incomplete'],
  [{ limit: 'route/r/exact', route: 'r', subject: 'alice' }, 'bucket_incomplete'],
  [{ limit: 'route/r/exact', ...alice, client: 'web' }, 'bucket_surplus'],
  [{ limit: 'route/r/exact', ...alice, claims: { tier: 'gold' } }, 'bucket_surplus'],
])('`limits reset` rejects the window %j with the error code %s', async (name, code) => {
  await expect(one.service.reset(name)).rejects.toMatchObject({ code })
})
