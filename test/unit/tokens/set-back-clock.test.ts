// A clock that is set back does not extend the life of an introspection response: the gate introspects the token again.

import { randomBytes } from 'node:crypto'
import { afterEach, expect, test, vi } from 'vitest'
import { Sealer } from '../../../gateway/base/sealer.ts'
import { Introspectors } from '../../../gateway/issuers/introspectors.ts'
import { IssuerKeys } from '../../../gateway/issuers/issuer-keys.ts'
import type { IssuerRules } from '../../../gateway/oauth/token-facts.ts'
import { TokenAnswers } from '../../../gateway/tokens/token-answers.ts'
import { TokenVerifier } from '../../../gateway/tokens/verifier.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { startIntrospectionIssuer } from '../../kit/introspection-issuer.ts'
import { testAudience } from '../../kit/issuer.ts'
import { introspectionSecret } from '../../kit/opaque-gate.ts'
import { processSecrets } from '../../kit/secrets.ts'
import { rulesOf } from '../oauth/token-text.ts'

const hourMs = 3_600_000

vi.stubEnv('TEST_INTROSPECTION_SECRET', introspectionSecret)
afterEach(() => void vi.useRealTimers())

test.each([
  ['opaque', undefined],
  ['jwt', 30_000],
] as const)(
  'a node discards its introspection response of a token (%s) when the clock of the node is set back',
  async (tokens, recheckMs) => {
    const issuer = await startIntrospectionIssuer()
    const rules: IssuerRules = {
      ...rulesOf({ issuer: issuer.url }),
      audience: new Set([testAudience]),
      tokens,
      recheckMs,
      introspection: {
        endpoint: `${issuer.url}/introspect`,
        clientId: 'gatehouse',
        auth: { method: 'client_secret_basic', secret: { env: 'TEST_INTROSPECTION_SECRET' } },
        response: 'json',
        cacheMs: 30_000,
        negativeCacheMs: 5000,
        staleMs: 60_000,
        keepStaleMs: 60_000,
        timeoutMs: 2000,
        concurrency: 4,
        ratePerS: 100,
      },
    }
    const log = () => {}
    const keys = new IssuerKeys({ log })
    const introspectors = new Introspectors({ keys, secrets: processSecrets(), log })
    atEnd(() => Promise.all([keys.close(), introspectors.close()]))
    const sealer = new Sealer([{ id: 'k', secret: randomBytes(32) }])
    const answers = new TokenAnswers({ introspectors, sealer, shared: undefined })
    const verifier = new TokenVerifier({ keys, cacheEntries: 16, tokenMaxBytes: 8192, answers })
    const terms = { asked: tokens === 'opaque' ? [rules] : [], staleMs: undefined }
    const verify = async () => verifier.verify(token, new Map([[rules.issuer, rules]]), Date.now(), terms)
    const life = { iat: undefined, exp: Math.floor(Date.now() / 1000) + 300 }
    const token = tokens === 'opaque' ? issuer.issue(life) : issuer.sign({ claims: life })
    const facts = await verify()
    expect(await verify()).toBe(facts)
    expect(issuer.askedAbout(token)).toBe(1)

    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() - hourMs })
    expect(await verify()).toBe(facts)
    expect(issuer.askedAbout(token)).toBe(2)
    expect(await verify()).toBe(facts)
    expect(issuer.askedAbout(token)).toBe(2)

    issuer.script = () => ({ status: 500 })
    vi.setSystemTime(Date.now() - hourMs)
    await expect(verify()).rejects.toThrow('status 500')
  },
)
