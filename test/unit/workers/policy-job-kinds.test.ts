import { expect, test } from 'vitest'
import { policyQueues } from '../../../gateway/policy/job-queues.ts'
import { policyJobKinds } from '../../../workers/policy-job-kinds.ts'

test('workers process every kind of queue that `gatehouse queues` lists, and `gatehouse queues` lists every kind that workers process', () => {
  expect(policyJobKinds.map(({ kind }) => kind)).toEqual(policyQueues.map(({ kind }) => kind))
})
