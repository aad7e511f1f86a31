import { afterEach, expect, test } from 'vitest'
import { getRequest, KeepAliveConnection } from '../../../bench/harness/connection.ts'
import { startFlowGenerator } from '../../../bench/overload/start-generator.ts'
import { HEALTH_PATH, type ServiceFault } from '../../../bench/sick/service-fault.ts'
import { startServiceFleet } from '../../../bench/sick/service-fleet.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { until } from '../../kit/until.ts'

// The services of the benchmark `sick-upstreams` have the faults that its results name.

const OVERLOADED_MS = 20
const fleet = await startServiceFleet()
atEnd(() => fleet.stop())
const [sick, healthy] = fleet.ports as [number, number]

const begin = (fault: ServiceFault | 'none') => fleet.order({ fault, overloadedMs: OVERLOADED_MS })

afterEach(() => begin('none'))

/** Sends a request on a new connection. @returns its status; rejects when the connection is lost */
async function statusOf(port: number, path = '/orders/1'): Promise<number> {
  const connection = await KeepAliveConnection.open(port)
  try {
    return (await connection.ask(getRequest(path))).status
  } finally {
    connection.close()
  }
}

const several = (count: number) => Promise.all(Array.from({ length: count }, () => statusOf(sick)))

test('a benchmark service reports its calls since the last order of the benchmark, without health checks', async () => {
  await begin('none')
  expect(await several(3)).toEqual([200, 200, 200])
  expect(await statusOf(sick, HEALTH_PATH)).toBe(200)

  const calls = await begin('none')
  expect(calls.reduce((sum, inSecond) => sum + inSecond, 0)).toBe(3)
  expect(await begin('none')).toEqual([])
})

test('a benchmark service with the fault `hangs` replies only after the fault has ended', async () => {
  await begin('hangs')
  let replied = false
  const waiting = statusOf(sick).finally(() => (replied = true))
  await until('the service has received the request', async () => (await begin('hangs')).length > 0)
  expect(await statusOf(healthy)).toBe(200)
  expect(replied).toBe(false)

  await begin('none')
  expect(await waiting).toBe(200)
})

test('a benchmark service with the fault `resets` closes the connection of each request', async () => {
  await begin('resets')

  await expect(statusOf(sick)).rejects.toThrow()
  await expect(statusOf(sick, HEALTH_PATH)).rejects.toThrow()
  expect(await statusOf(healthy)).toBe(200)
})

test('a benchmark service with the fault `errors` replies 500 to some requests, and 200 to the others', async () => {
  await begin('errors')

  expect(new Set(await several(64))).toEqual(new Set([200, 500]))
})

test('a benchmark service with the fault `slow` takes ten times as long for a request', async () => {
  await begin('slow')
  const startMs = performance.now()

  expect(await statusOf(sick)).toBe(200)
  // A healthy service takes at most 15 ms, a slow one at least 50 ms.
  expect(performance.now() - startMs).toBeGreaterThan(45)
})

test('a benchmark service with the fault `overloaded` processes one request at a time', async () => {
  await begin('overloaded')
  const startMs = performance.now()

  expect(new Set(await several(10))).toEqual(new Set([200]))
  expect(performance.now() - startMs).toBeGreaterThan(9 * OVERLOADED_MS)
})

test('the load generator reports the beginning of each step, then the results of all steps', async () => {
  const generator = startFlowGenerator()
  atEnd(() => generator.stop())
  const steps: number[] = []
  const flow = { name: 'users', heads: [getRequest('/orders/1')], perSecond: [200, 0, 200], connections: 16 }
  const plan = { port: healthy, steps: [0.1, 0.1, 0.1], flows: [flow] }
  const { results } = await generator.carryOut(plan, (step) => steps.push(step))

  expect(steps).toEqual([0, 1, 2])
  expect(results['users']).toHaveLength(3)
  expect(results['users']![1]).toMatchObject({ due: 0, replies: {} })
})
