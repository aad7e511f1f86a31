import { expect, test } from 'vitest'
import { HeldKeys, type KeyHolder } from '../../../gateway/keys/held-keys.ts'

const nowMs = 1_900_000_000_000
const hourMs = 60 * 60_000
const keys = (encryption: readonly string[], assertion: readonly string[] = [], policy: readonly string[] = []) => ({
  assertion: [...assertion],
  encryption: [...encryption],
  audit: [],
  policy: [...policy],
})
const node = (id: string, held: KeyHolder['keys'], writes: KeyHolder['writes'] = {}): KeyHolder => ({
  id,
  role: 'node',
  keys: held,
  writes,
})
const worker = (id: string, held: KeyHolder['keys'], writes: KeyHolder['writes'] = {}): KeyHolder => ({
  ...node(id, held, writes),
  role: 'worker',
})

interface Stored {
  readonly holders?: readonly (KeyHolder | object)[]
  readonly expiresMs?: number
  readonly use?: Readonly<Record<string, number>>
  readonly appointed?: Readonly<Record<string, string>>
  readonly sessionsEndS?: string
}

/** Builds the state from a reply of list-keys.lua. */
function held({ holders = [], expiresMs = nowMs + 1, use = {}, appointed = {}, sessionsEndS = '' }: Stored): HeldKeys {
  const entries = holders.flatMap((each, i) => [`p${i}`, `${expiresMs} ${JSON.stringify(each)}`])
  const uses = Object.entries(use).flatMap(([name, ms]) => [name, String(ms)])
  return new HeldKeys([String(nowMs), entries, uses, Object.entries(appointed).flat(), sessionsEndS])
}

const noIssuers = { issuers: () => [], auditRecentMs: 15 * 60_000 }

test('the list of keys of the cluster has the keys of all processes, each once and sorted by id', () => {
  const state = held({ holders: [node('n1', keys(['k2', 'k1'])), worker('w1', keys(['k3', 'k1']))] })

  expect(state.ids('encryption')).toEqual(['k1', 'k2', 'k3'])
  expect(state.ids('audit')).toEqual([])
})

test('a process whose key report in Redis has expired or is malformed is not listed as a holder of keys', () => {
  expect(held({ holders: [node('n1', keys(['k1']))], expiresMs: nowMs - 1 }).holders).toEqual([])
  expect(held({ holders: [{ id: 'n1', role: 'proxy', keys: {} }, node('n2', keys([]))] }).holders).toMatchObject([
    { id: 'n2' },
  ])
})

test.each([
  { who: 'a node without the encryption key', holder: node('n2', keys(['k1'])), kind: 'encryption', lacks: true },
  { who: 'a node without the assertion key', holder: node('n2', keys(['k2'])), kind: 'assertion', lacks: true },
  { who: 'a worker without the encryption key', holder: worker('w1', keys(['k1'])), kind: 'encryption', lacks: true },
  { who: 'a worker without any encryption key', holder: worker('w1', keys([])), kind: 'encryption', lacks: false },
  { who: 'a worker without the assertion key', holder: worker('w1', keys(['k1'])), kind: 'assertion', lacks: false },
  { who: 'a node without the policy key', holder: node('n2', keys([], [], ['k1'])), kind: 'policy', lacks: true },
  { who: 'a worker without the policy key', holder: worker('w1', keys([], [], ['k1'])), kind: 'policy', lacks: true },
  { who: 'a worker without any policy key', holder: worker('w1', keys(['k1'])), kind: 'policy', lacks: false },
  { who: 'a node with the encryption key', holder: node('n2', keys(['k2'])), kind: 'encryption', lacks: false },
] as const)('whether $who counts as lacking the new key in a rotation: $lacks', ({ holder, kind, lacks }) => {
  const { id, role } = holder

  expect(held({ holders: [holder] }).lacking(kind, 'k2')).toEqual(lacks ? [{ id, role }] : [])
})

test('a process of a release without policy keys, or of a later release with further kinds of keys, is listed as a holder of keys', () => {
  const old = { id: 'old', role: 'node', keys: { assertion: [], encryption: ['k1'], audit: [] }, writes: {} }
  const later = node('later', keys(['k1']), { encryption: 'k1', cookies: 'c1' })
  const state = held({ holders: [old, later] })

  expect(state.holders).toMatchObject([{ id: 'old', keys: { policy: [] } }, { id: 'later' }])
  expect(state.lacking('policy', 'p1')).toHaveLength(2)
})

test.each([
  { when: 'while a process writes with it', writes: { encryption: 'k1' }, untilMs: nowMs + hourMs },
  { when: 'after a process wrote with it', use: { 'w:encryption/k1': nowMs - 1000 }, untilMs: nowMs - 1000 + hourMs },
  { when: 'when nothing was written with it', untilMs: 0 },
])('the time in ms until which an encryption key is needed $when: $untilMs', ({ writes = {}, use = {}, untilMs }) => {
  const state = held({ holders: [node('n1', keys(['k1']), writes)], use })

  expect(state.neededUntilMs('encryption', 'k1', noIssuers)).toBe(untilMs)
})

test('an assertion key counts as published since the time that Redis stores for it, and the cluster knows the key that was appointed as writing key', () => {
  const state = held({ use: { 'p:k2': nowMs - 5000 }, appointed: { assertion: 'k1' } })

  expect([state.publishedSinceMs('k2'), state.publishedSinceMs('k9')]).toEqual([nowMs - 5000, undefined])
  expect([state.appointed('assertion'), state.appointed('encryption')]).toEqual(['k1', undefined])
})
