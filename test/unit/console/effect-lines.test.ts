import { expect, test } from 'vitest'
import { effectLines } from '../../../gateway/console/text/effect-lines.ts'

// Lines of the policy view, from the reply of `POST /api/v1/policy/diff`.

type Difference = Parameters<typeof effectLines>[0]

const differenceOf = (parts: Partial<Difference>): Difference => ({
  from: 1,
  equal: false,
  widens: true,
  routes: [],
  limits: [],
  credentials: [],
  upstreams: [],
  issuers: [],
  services: [],
  relaxations: { added: [], removed: [] },
  ...parts,
})

test('the policy view shows changes that may admit more before the others', () => {
  const lines = effectLines(
    differenceOf({
      services: [{ place: 'services.orders.timeouts', change: 'changed', widens: false, before: '1s', after: '2s' }],
      limits: [{ place: 'limits.burst', change: 'removed', widens: true, before: { requests: 10 } }],
      relaxations: { added: ['services.orders.credentials: token'], removed: [] },
    }),
  )

  expect(lines.map(({ place, widens }) => [place, widens])).toEqual([
    ['limits.burst', true],
    ['relaxation services.orders.credentials: token', true],
    ['services.orders.timeouts', false],
  ])
})

test('of a changed object of the policy, the policy view shows the members that differ', () => {
  const [line] = effectLines(
    differenceOf({
      issuers: [
        {
          place: 'issuers.main',
          change: 'changed',
          widens: true,
          before: { issuer: 'https://idp.example', tolerance: '5s', audience: ['a'] },
          after: { issuer: 'https://idp.example', tolerance: '50s', audience: ['a'], tokens: 'any' },
        },
      ],
    }),
  )

  expect(line).toMatchObject({ before: '{"tolerance":"5s"}', after: '{"tolerance":"50s","tokens":"any"}' })
})
