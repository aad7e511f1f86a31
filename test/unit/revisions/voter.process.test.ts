// Each candidate is compiled once, one at a time, and the newest one first, whatever events a Redis writer repeats.

import { randomBytes } from 'node:crypto'
import { beforeEach, expect, test } from 'vitest'
import { KeyRing } from '../../../gateway/base/key-ring.ts'
import type { RedisLink } from '../../../gateway/redis/redis-link.ts'
import type { ActivePolicy } from '../../../gateway/revisions/active-policy.ts'
import { printCandidate } from '../../../gateway/revisions/candidate.ts'
import { Envelopes } from '../../../gateway/revisions/envelope.ts'
import { hashOf, type PolicyText, type Revision } from '../../../gateway/revisions/revision.ts'
import { CANDIDATE_EVENT, RevisionStore } from '../../../gateway/revisions/revision-store.ts'
import { openVote } from '../../../gateway/revisions/vote.ts'
import { Voter } from '../../../gateway/revisions/voter.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'
import { until } from '../../kit/until.ts'

const redis = await testRedis()
const link: RedisLink = await testLink(redisSettingsFor(redis.port))
const store = new RevisionStore(link.store, link.keys)
const envelopes = new Envelopes(new KeyRing([{ id: 'k1', secret: randomBytes(32) }]), 'gh:')

let compiled: string[]
let voter: Voter

beforeEach(() => {
  compiled = []
  const held = { activation: { sequence: 3 } } as ActivePolicy['held']
  const tryCandidate = (files: readonly PolicyText[]): never => {
    compiled.push(files[0]!.text)
    return undefined as never
  }
  voter = new Voter({ node: 'n1', store, envelopes, policy: { held, failed: undefined, tryCandidate } })
})

function envelopeOf(id: string, follows = 3): string {
  const files = [{ name: 'policy.yaml', text: id }]
  const facts = { number: 4, hash: hashOf(files), author: 'a', time: '2026-01-01T00:00:00Z', message: '' }
  return envelopes.seal('candidate', printCandidate({ id, follows, revision: { ...facts, files } satisfies Revision }))
}

const ask = (id: string) => voter.apply(CANDIDATE_EVENT, Buffer.from(id))
const propose = (id: string, envelope = envelopeOf(id)) => store.propose(id, envelope)
const voteOn = async (id: string) => {
  const text = (await store.votes(id)).get('n1')
  return text === undefined ? undefined : openVote(envelopes, text, { candidate: id, node: 'n1' })
}
const voted = (id: string) => until(`the vote on ${id}`, async () => (await voteOn(id)) !== undefined)

test('a node votes once on a proposed policy even if the proposal event is repeated, and the vote counts only for this proposal and this node', async () => {
  await propose('once')
  for (let i = 0; i < 1000; i++) ask('once')
  await voted('once')
  ask('once')
  await propose('after')
  ask('after')
  await voted('after')
  expect(compiled).toEqual(['once', 'after'])
  const text = (await store.votes('once')).get('n1')!
  expect(openVote(envelopes, text, { candidate: 'once', node: 'n2' })).toBeUndefined()
  expect(openVote(envelopes, text, { candidate: 'after', node: 'n1' })).toBeUndefined()
})

test('if many policies are proposed together, a node compiles the newest one first, and skips those beyond the limit', async () => {
  const ids = Array.from({ length: 50 }, (_, i) => `c${i}`)
  for (const id of ids) await propose(id)
  for (const id of ids) ask(id)
  await voted('c18')
  await until('the last vote', () => compiled.length === 33)
  expect(compiled).toEqual(['c0', ...ids.slice(18).reverse()])
})

test('a proposed policy that is a copy of an earlier proposal under another id is not compiled, and gets the vote no', async () => {
  await propose('copied', envelopeOf('original'))
  ask('copied')
  await voted('copied')
  expect(compiled).toEqual([])
  expect(await voteOn('copied')).toMatchObject({ problems: [{ message: 'the proposed policy is not authentic' }] })
})

test('a node that enforces a later activation than a proposed policy is based on votes no, because Redis has lost this activation', async () => {
  await propose('late', envelopeOf('late', 2))
  ask('late')
  await voted('late')
  expect(await voteOn('late')).toMatchObject({
    sequence: 3,
    problems: [{ message: expect.stringContaining('Redis lost activation 3') }],
  })
})
