import { expect, test } from 'vitest'
import { Evidence, type LoadExchange } from '../../chaos/matrix/evidence.ts'
import { invariants, type RowFacts } from '../../chaos/matrix/invariants.ts'
import { matrix } from '../../chaos/matrix/matrix.ts'
import { resultTable } from '../../chaos/matrix/result-table.ts'
import { SeededRandom } from '../../chaos/matrix/seeded-random.ts'

const exchange = (more: Partial<LoadExchange>): LoadExchange => ({
  kind: 'orders',
  node: 'n1',
  subject: 'user-0',
  startedMs: 1000,
  endedMs: 1010,
  status: 200,
  code: '',
  servedMs: 1005,
  forbidden: undefined,
  ...more,
})

function factsWith({
  exchanges = [],
  ...more
}: Partial<RowFacts> & { readonly exchanges?: readonly LoadExchange[] }): RowFacts {
  const evidence = new Evidence()
  evidence.exchanges.push(...exchanges)
  return {
    evidence,
    unrecorded: [],
    countedLosses: 0,
    killedMs: new Map(),
    shifted: new Set(),
    unwell: [],
    limitTimes: { exact: 1, leased: 1 },
    ...more,
  }
}

const withMessage = factsWith({})
withMessage.evidence.forbiddenMessages.push({ node: 'n1', what: 'a message after the receipt' })
const withLostSession = factsWith({})
withLostSession.evidence.lostSessions.push('session 1 at n1: 401')
const unrecorded = [{ id: 'r1', node: 'n1', path: '/orders/n1/1', atMs: 5000 }]

const violated: Readonly<Record<string, RowFacts>> = {
  'no request admitted after a receipt': factsWith({
    exchanges: [exchange({ kind: 'revoked', forbidden: 'revoked' })],
  }),
  'no token accepted past exp': factsWith({ exchanges: [exchange({ kind: 'expired', forbidden: 'expired' })] }),
  'no limit exceeded': factsWith({ exchanges: Array.from({ length: 7 }, () => exchange({ kind: 'exact' })) }),
  'no session lost': withLostSession,
  'no audit record lost uncounted': factsWith({ unrecorded }),
  'no forbidden message relayed': withMessage,
  'every 5xx has a reason': factsWith({ exchanges: [exchange({ status: 502 })] }),
  'no valid credential called invalid': factsWith({ exchanges: [exchange({ status: 401, code: 'invalid_token' })] }),
  'well again in time': factsWith({ unwell: ['readyz of n1 after 20000 ms'] }),
}

test.each(invariants)(
  'the chaos matrix reports the invariant "$name" as violated for facts that contradict it, and reports no other invariant',
  ({ name }) => {
    const facts = violated[name]
    expect(facts, 'an example of a violation').toBeDefined()
    const found = invariants.filter((each) => each.check(facts!).length > 0).map((each) => each.name)
    expect(found).toEqual([name])
  },
)

test.each<[string, RowFacts]>([
  [
    'a revoked token that is rejected',
    factsWith({ exchanges: [exchange({ kind: 'revoked', status: 401, forbidden: 'revoked' })] }),
  ],
  ['a token before its expiry', factsWith({ exchanges: [exchange({ kind: 'expired' })] })],
  [
    'as many requests as the limit',
    factsWith({ exchanges: Array.from({ length: 6 }, () => exchange({ kind: 'exact' })) }),
  ],
  ['a lost record that the node counted', factsWith({ unrecorded, countedLosses: 1 })],
  ['a record of the last moment of a killed node', factsWith({ unrecorded, killedMs: new Map([['n1', 5200]]) })],
  ['a 503 with a code', factsWith({ exchanges: [exchange({ status: 503, code: 'unavailable' })] })],
  ['an early expiry by a clock ahead', factsWith({ exchanges: [exchange({ status: 401 })], shifted: new Set(['n1']) })],
])('the chaos matrix reports no violated invariant for %s', (_, facts) => {
  expect(invariants.flatMap(({ check }) => check(facts))).toEqual([])
})

test('the chaos matrix has at least 60 rows with distinct names', () => {
  const names = new Set(matrix.map(({ name }) => name))
  expect(names.size).toBe(matrix.length)
  expect(names.size).toBeGreaterThanOrEqual(60)
})

test('the seed of the chaos matrix determines the order of the rows and the random numbers of each row', () => {
  const names = matrix.map(({ name }) => name)
  const order = (seed: number) => new SeededRandom(seed, 'order').shuffled(names)
  expect(order(7)).toEqual(order(7))
  expect(order(7)).not.toEqual(order(8))
  expect(order(7).toSorted()).toEqual(names.toSorted())
  const numbers = (row: string) => Array.from({ length: 3 }, new SeededRandom(7, row).next)
  expect(numbers('a')).toEqual(numbers('a'))
  expect(numbers('a')).not.toEqual(numbers('b'))
})

test('the result table of the chaos matrix names a violated invariant, and the command that repeats its row', () => {
  const result = {
    name: 'standalone.redis.kill',
    proof: 'redis (pid 7) SIGKILL, gone',
    leftOut: undefined,
    faultS: 2,
    wellS: 1,
    requests: 3,
    outcomes: new Map([['200', 3]]),
    receipts: { complete: 1, partial: 0, none: 0 },
    messages: 0,
    violations: new Map([['no session lost', ['session 1 at n1: 401']]]),
  }
  const text = resultTable([result], 7)
  expect(text).toContain(
    '| standalone.redis.kill | redis (pid 7) SIGKILL, gone | 2.0 | 3 | 200: 3 | 1 + 0 partial, 0 none | VIOLATED: no session lost | 1.0 |',
  )
  expect(text).toContain('session 1 at n1: 401\n  repeat: npm run test:chaos -- --row standalone.redis.kill --seed 7')
})
