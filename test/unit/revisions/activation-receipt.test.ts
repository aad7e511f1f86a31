import { performance } from 'node:perf_hooks'
import { expect, test } from 'vitest'
import { readMemberFacts } from '../../../gateway/cluster/member.ts'
import { ActivationReceipts } from '../../../gateway/revisions/activation-receipt.ts'

const member = (id: string, revision: string, sequence: number) => ({
  ...readMemberFacts(JSON.stringify({ id, revision, policy_number: 4, policy_sequence: sequence }), id),
  key: id,
  eventKinds: [],
  position: '1-0',
  lag_ms: 0,
  heard_ms: 0,
})

test('the receipt of a policy activation counts a node only if the hash of its policy matches too, because Redis can lose an activation and give its sequence number to the next one', async () => {
  const listed = [member('same', 'aa', 5), member('lost', 'bb', 5), member('later', 'bb', 6), member('before', 'aa', 4)]
  const cluster = { list: async () => listed, boundMs: 1000, lostMembers: () => ({ members: [], boundMs: 0 }) }
  const receipts = new ActivationReceipts({ cluster, log: () => undefined })
  const members = listed.map(({ id }) => ({ id, key: id, eventKinds: [] }))
  const before = { routes: [] } as never
  const activated = {
    sentMs: 0,
    sentAt: performance.now(),
    number: 4,
    sequence: 5,
    revisions: ['aa'],
    before,
    waitMs: 0,
  }

  const receipt = await receipts.collect({ position: '1-0', members, boundMs: 0 }, activated)

  expect(receipt.acknowledged.map(({ node }) => node)).toEqual(['same', 'later'])
  expect(receipt.missing).toEqual(['lost', 'before'])
})
