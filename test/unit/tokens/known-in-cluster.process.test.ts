// A token that another node has introspected, and that is new to this node, does not wait behind tokens of unknown
// clients.

import { randomBytes } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import { setImmediate } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { Sealer } from '../../../gateway/base/sealer.ts'
import { Introspectors } from '../../../gateway/issuers/introspectors.ts'
import { IssuerKeys } from '../../../gateway/issuers/issuer-keys.ts'
import { SharedAnswers } from '../../../gateway/tokens/shared-answers.ts'
import { TokenAnswers } from '../../../gateway/tokens/token-answers.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { introspectionRules } from '../../kit/introspection-rules.ts'
import { listen } from '../../kit/ports.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'
import { processSecrets } from '../../kit/secrets.ts'
import { until } from '../../kit/until.ts'

vi.stubEnv('TEST_INTROSPECTION_SECRET', 'secret-1')

const freshMs = 20
const held = 'stranger-0'

test('a node renews an introspection response in Redis that is too old before it introspects queued new tokens from unknown addresses', async () => {
  const asked: string[] = []
  let holding: ServerResponse | undefined
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const token = new URLSearchParams(body).get('token')!
    asked.push(token)
    response.setHeader('content-type', 'application/json')
    if (token === held) holding = response
    else response.end(JSON.stringify(token === 'known' ? { active: true, sub: 'alice' } : { active: false }))
  })
  const port = await listen(server)
  const rules = introspectionRules(`http://127.0.0.1:${port}`, { concurrency: 1, timeoutMs: 30_000 })
  const link = await testLink(redisSettingsFor((await testRedis()).port))
  const sealer = new Sealer([{ id: 'k', secret: randomBytes(32) }])
  const log = () => {}
  const node = (): TokenAnswers => {
    const keys = new IssuerKeys({ log })
    const introspectors = new Introspectors({ keys, secrets: processSecrets(), log })
    introspectors.retain([rules])
    atEnd(() => Promise.all([introspectors.close(), keys.close()]))
    return new TokenAnswers({ introspectors, sealer, shared: new SharedAnswers(link.store, link.keys, sealer) })
  }
  atEnd(async () => {
    server.closeAllConnections()
    server.close()
  })
  const ask = (at: TokenAnswers, token: string) => {
    const asker = { kind: 'first', address: token, known: false } as const
    return at.newest(at.idOf(token, rules), { token, rules, freshMs, claims: undefined, asker })
  }

  const [first, second] = [node(), node()]
  expect(await ask(first, 'known')).toMatchObject({ answer: { active: true } })
  const id = first.idOf('known', rules)
  await until('the answer has aged', async () => (await first.look(id, freshMs)) === undefined)

  const strangers = [ask(second, held)]
  await until('a question of a stranger is under way', () => holding !== undefined)
  for (let i = 1; i <= 3; i++) strangers.push(ask(second, `stranger-${i}`))
  const known = ask(second, 'known')
  // Replies on one connection arrive in order. After this reply, all introspection requests are in the queue.
  await link.store.call('PING')
  await setImmediate()
  holding!.end(JSON.stringify({ active: false }))

  expect(await known).toMatchObject({ answer: { active: true } })
  await Promise.all(strangers)
  expect(asked.slice(0, 3)).toEqual(['known', held, 'known'])
})
