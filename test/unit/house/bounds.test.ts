import { expect, test } from 'vitest'
import { derivedBounds, growingCollections } from '../../../deploy/docs/bounds.ts'
import { partsOf } from '../../../deploy/docs/bounds-page.ts'
import { type Instrument, instruments } from '../../../gateway/telemetry/instruments.ts'

// Every collection that can grow states its maximum (CONTRIBUTING.md, "Bounds"). docs/reference/bounds.md lists them.

const collections = growingCollections()
const metrics = new Set(Object.values<Instrument>(instruments).map(({ name }) => name))
const place = ({ path, line, name }: (typeof collections)[number]) => `${path}:${line} ${name}`

test('every collection that can grow states a bound in its comment or in the comment of its class', () => {
  expect(collections.length).toBeGreaterThan(150)
  expect(
    collections.filter(({ bound }) => bound === undefined).map(place),
    'write `@bound MAXIMUM | WHEN FULL | METRIC`, or a word of deploy/docs/bounds.ts',
  ).toEqual([])
})

test('every stated bound has a maximum, what happens when it is reached, and an existing metric or `none`', () => {
  const wrong = collections.filter(({ bound }) => {
    if (bound === undefined || bound in derivedBounds) return false
    const [maximum, full, metric, ...more] = partsOf(bound)
    if (!maximum || !full || !metric || more.length > 0 || bound.includes('{@link')) return true
    return metric !== 'none' && !metrics.has(metric.replaceAll('`', ''))
  })

  expect(wrong.map((each) => `${place(each)}: ${each.bound}`)).toEqual([])
})

test('every collection with a bound says what it holds', () => {
  expect(collections.filter(({ bound, meaning }) => bound !== 'owner' && meaning === '').map(place)).toEqual([])
})
