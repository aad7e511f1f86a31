import { expect, test } from 'vitest'
import { derivedBounds, growingCollections } from '../../../deploy/docs/bounds.ts'
import { partsOf } from '../../../deploy/docs/bounds-page.ts'
import { redisKeyBounds } from '../../../deploy/docs/redis-bounds.ts'
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

const keys = redisKeyBounds()

test('every member of RedisKeys states number and size, lifetime, what happens when full, and a metric in its comment', () => {
  expect(keys.length).toBeGreaterThan(40)
  expect(keys.map(faultOf).filter((fault) => fault !== undefined)).toEqual([])
})

test.each([
  ['without a tag', '/** A key. */', 'has no `@stored`'],
  ['with three parts', '/** A key. @stored 1 | for ever | none */', 'has 3 parts'],
  ['with an empty lifetime', '/** A key. @stored 1 | | does not grow | none */', 'has an empty part'],
  ['with an unknown metric', '/** A key. @stored 1 | for ever | does not grow | gatehouse_none */', 'unknown metric'],
  ['with a link to no constant', '/** A key. @stored {@link NO_MAX} | 1s | does not grow | none */', 'a link'],
  [
    'with a link to constants that differ',
    '/** A key. @stored {@link KEPT_MS} | 1s | does not grow | none */',
    'a link',
  ],
])('a member of RedisKeys %s is an error', (_, comment, fault) => {
  const [key] = redisKeyBounds(`export class RedisKeys {\n${comment}\nsession(id: string): string { return id } }`)
  expect(faultOf(key!)).toContain(fault)
})

/** Returns the error in the statement of a key; `undefined` when it is complete. */
function faultOf({ name, line, meaning, bound }: (typeof keys)[number]): string | undefined {
  const at = `gateway/redis/keys.ts:${line} ${name}:`
  if (bound === undefined) return `${at} has no \`@stored\`; write NUMBER AND SIZE | LIFETIME | WHEN FULL | METRIC`
  const parts = partsOf(bound)
  if (parts.length !== 4) return `${at} has ${parts.length} parts, expected 4`
  if (parts.includes('') || meaning === '') return `${at} has an empty part or no description`
  if (bound.includes('{@link')) return `${at} has a link to no constant, or to constants that differ`
  const metric = parts[3]!
  return metric === 'none' || metrics.has(metric) ? undefined : `${at} names an unknown metric ${metric}`
}
