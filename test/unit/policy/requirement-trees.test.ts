// Random requirements agree with a naive evaluator with the truth values yes, no and unclear. An unclear result never
// admits a request.

import { expect, test } from 'vitest'
import { requirementTree } from '../../../gateway/policy/requirements/requirement-tree.ts'
import { fc } from '../../kit/properties.ts'
import { brought, type WrittenTree, writtenTree } from './random-policy.ts'
import { compiled, outcomeOf, type WholeBrought } from './requirement-input.ts'

type Truth = 'yes' | 'no' | 'unclear'
interface Judgement {
  readonly truth: Truth
  /** Reason why the requirement does not admit the request. */
  readonly reason: string
}

const says = (truth: boolean, reason: string): Judgement => ({ truth: truth ? 'yes' : 'no', reason })
const opposite = { yes: 'no', no: 'yes', unclear: 'unclear' } as const

function inLists<T>(held: readonly T[], { all = [], any }: { all?: readonly T[]; any?: readonly T[] }): boolean {
  return all.every((one) => held.includes(one)) && (any === undefined || any.some((one) => held.includes(one)))
}

function every(parts: readonly Judgement[]): Judgement {
  const blocking = parts.find(({ truth }) => truth !== 'yes')
  if (blocking === undefined) return { truth: 'yes', reason: '' }
  return { truth: parts.some(({ truth }) => truth === 'no') ? 'no' : 'unclear', reason: blocking.reason }
}

function some(parts: readonly Judgement[]): Judgement {
  if (parts.some(({ truth }) => truth === 'yes')) return { truth: 'yes', reason: '' }
  const reason = parts.every((part) => part.reason === 'scope-missing') ? 'scope-missing' : 'requirement-unmet'
  return { truth: parts.some(({ truth }) => truth === 'unclear') ? 'unclear' : 'no', reason }
}

function judge(tree: WrittenTree, brought: WholeBrought): Judgement {
  if (tree.all) return every(tree.all.map((part) => judge(part, brought)))
  if (tree.any) return some(tree.any.map((part) => judge(part, brought)))
  if (tree.not) return { truth: opposite[judge(tree.not, brought).truth], reason: 'requirement-unmet' }
  if (tree.scopes) return says(inLists(brought.scopes, tree.scopes), 'scope-missing')
  if (tree.roles) return says(inLists(brought.roles, tree.roles), 'role-missing')
  if (tree.clients) {
    const known = tree.clients.issuer === brought.issuer && tree.clients.any.some((one) => one === brought.client)
    return says(known, 'client-not-allowed')
  }
  if (tree.claims) {
    const parts = Object.entries(tree.claims).map(([path, wanted]) => {
      const value = path
        .split('.')
        .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], brought.claims)
      const held = value === undefined ? [] : [value].flat()
      return says(inLists(held, wanted), 'claim-mismatch')
    })
    return every(parts)
  }
  if (tree.headers) {
    const parts = Object.entries(tree.headers).map(([name, { any }]): Judgement => {
      const like = brought.fields.filter(([each]) => each.replaceAll('_', '-') === name)
      if (like.length > 1 || like[0]?.[0].includes('_')) return { truth: 'unclear', reason: 'header-mismatch' }
      return says(like.length === 1 && any.includes(like[0]![1]), 'header-mismatch')
    })
    return every(parts)
  }
  if (tree.addresses) {
    const { allow, deny = [] } = tree.addresses
    const within = (block: string) => {
      if (block === '192.0.2.1') return brought.address === block
      const [start] = { '10.0.0.0/8': ['10.'], '10.1.0.0/16': ['10.1.'], '2001:db8::/32': ['2001:db8:'] }[block] ?? [
        '?',
      ]
      return brought.address.startsWith(start!)
    }
    return says((allow === undefined || allow.some(within)) && !deny.some(within), 'address-denied')
  }
  const { from = '00:00', to = '24:00', days } = tree.time!
  const clock = brought.now.slice(11, 16)
  const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']
  const today = new Date(brought.now).getUTCDay()
  const counts = (day: number) => days === undefined || days.includes(dayNames[(day + 7) % 7]!)
  if (from < to) return says(counts(today) && from <= clock && clock < to, 'time-outside')
  return says((clock >= from && counts(today)) || (clock < to && counts(today - 1)), 'time-outside')
}

test('the decision and the reason of a random requirement for a random request are those of a simple reference evaluator', () => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(writtenTree, brought, (tree, request) => {
      const { truth, reason } = judge(tree, request)
      const outcome = outcomeOf(compiled(requirementTree.parse(tree)), request)
      seen.add(outcome)
      expect(outcome).toBe(truth === 'yes' ? 'met' : reason)
    }),
    { numRuns: 3000 },
  )
  // Proves that the random requests reach all of these outcomes.
  expect([...seen].sort()).toEqual([
    'address-denied',
    'claim-mismatch',
    'client-not-allowed',
    'header-mismatch',
    'met',
    'requirement-unmet',
    'role-missing',
    'scope-missing',
    'time-outside',
  ])
})

test('a requirement decides the same request with the same reason every time, and the reason is that of a simple reference evaluator', () => {
  fc.assert(
    fc.property(writtenTree, brought, (tree, request) => {
      const requirement = compiled(requirementTree.parse(tree))
      const { reason } = judge(tree, request)
      const first = outcomeOf(requirement, request)
      expect(outcomeOf(requirement, request)).toBe(first)
      expect([reason, 'met']).toContain(first)
    }),
    { numRuns: 200 },
  )
})
