// The lease of an introspection is the exclusive right to introspect a token. It lasts at least as long as the longest
// introspection.

import { randomBytes } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import { afterEach, expect, test, vi } from 'vitest'
import { Sealer } from '../../../gateway/base/sealer.ts'
import { Introspector } from '../../../gateway/issuers/introspector.ts'
import { Introspectors } from '../../../gateway/issuers/introspectors.ts'
import { IssuerClient } from '../../../gateway/issuers/issuer-client.ts'
import { IssuerKeys } from '../../../gateway/issuers/issuer-keys.ts'
import { rechecks } from '../../../gateway/issuers/question-queue.ts'
import { SharedAnswers } from '../../../gateway/tokens/shared-answers.ts'
import { TokenAnswers } from '../../../gateway/tokens/token-answers.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { startIntrospectionIssuer } from '../../kit/introspection-issuer.ts'
import { introspectionRules } from '../../kit/introspection-rules.ts'
import { listen } from '../../kit/ports.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'
import { processSecrets } from '../../kit/secrets.ts'
import { until } from '../../kit/until.ts'

vi.stubEnv('TEST_INTROSPECTION_SECRET', 'secret-1')

const timeoutMs = 30_000
const log = () => {}
const issuer = await startIntrospectionIssuer()
const rules = introspectionRules(issuer.url, { timeoutMs })

afterEach(() => {
  issuer.script = undefined
})

test('the lock of an introspection in Redis lasts longer than the maximum wait in the queue and the timeout of the call together', async () => {
  const link = await testLink(redisSettingsFor((await testRedis()).port))
  const sealer = new Sealer([{ id: 'k', secret: randomBytes(32) }])
  const keys = new IssuerKeys({ log })
  const introspectors = new Introspectors({ keys, secrets: processSecrets(), log })
  introspectors.retain([rules])
  atEnd(() => Promise.all([introspectors.close(), keys.close()]))
  const answers = new TokenAnswers({
    introspectors,
    sealer,
    shared: new SharedAnswers(link.store, link.keys, sealer),
  })
  const token = issuer.issue()
  const id = answers.idOf(token, rules)
  issuer.script = () => ({ silent: true })

  void answers.newest(id, { token, rules, freshMs: 30_000, claims: undefined, asker: rechecks })
  await until('the issuer is asked', () => issuer.askedAbout(token) === 1)
  const [fenceUs, endMs] = (await link.store.call('HMGET', link.keys.introspected(id), 'f', 'u')) as [string, string]

  expect(Number(endMs) - Math.floor(Number(fenceUs) / 1000)).toBeGreaterThan(2 * timeoutMs)
})

test('a node does not repeat an introspection request if the issuer replies 429 later than the introspection timeout', async () => {
  let nowMs = 0
  const held: ServerResponse[] = []
  const server = createServer((_, response) => {
    if (held.length < 2) held.push(response)
    else response.setHeader('content-type', 'application/json').end('{"active":false}')
  })
  const limited = introspectionRules(`http://127.0.0.1:${await listen(server)}`, { timeoutMs, concurrency: 2 })
  const keys = new IssuerKeys({ log })
  const client = new IssuerClient()
  const introspector = new Introspector(limited, { client, keys, secrets: processSecrets(), log, now: () => nowMs })
  atEnd(async () => {
    await Promise.all([introspector.close(), keys.close(), client.close()])
    server.closeAllConnections()
    server.close()
  })
  const questions = ['first', 'second'].map((token) => introspector.ask(token, rechecks).catch((error: Error) => error))
  await until('the issuer has both introspection requests', () => held.length === 2)

  nowMs = timeoutMs + 1
  held[0]!.writeHead(429).end()
  const failed = await Promise.race(questions)
  // The rate limit now allows an introspection request without a wait. The second 429 reply does not lower the rate
  // again.
  nowMs += 2000
  held[1]!.writeHead(429).end()

  const message = 'introspection at issuer main failed: too many introspection requests at once'
  expect(failed).toMatchObject({ message })
  for (const outcome of await Promise.all(questions)) expect(outcome).toMatchObject({ message })
})
