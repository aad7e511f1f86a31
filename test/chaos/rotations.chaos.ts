import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { RotationLoad, startRotatingCluster } from '../cluster/rotating-cluster.ts'
import { rotationsOf } from '../cluster/rotations.ts'
import { readMetrics } from '../kit/metrics.ts'

// Every secret, key and certificate of three nodes and a worker is rotated under load, one after the other, without a
// restart. No request fails, and the peers of the gate see each new value. Prints the counts.
//
//   npm run chaos -- rotations                      3 rounds, about 3 minutes
//   CHAOS_ROUNDS=1 npm run chaos -- rotations

const ROUNDS = Number(process.env['CHAOS_ROUNDS'] ?? 3)
/** Pause of each client between two requests, ms. */
const PAUSE_MS = 5

test('every secret, key and certificate is rotated under load without a failed request and without a restart', async () => {
  const { cluster, first } = await startRotatingCluster()
  const rotations = Object.entries(rotationsOf(cluster, first))
  const load = new RotationLoad(cluster, first.identity, PAUSE_MS)
  const startedMs = performance.now()
  try {
    for (let round = 1; round <= ROUNDS; round++) {
      for (const [name, rotate] of rotations) {
        const [beforeMs, before] = [performance.now(), load.requests]
        await rotate(load)
        const s = ((performance.now() - beforeMs) / 1000).toFixed(1)
        console.log(`round ${round}: ${name}: ${s} s, ${load.requests - before} requests`)
      }
    }
    await sleep(1000)
  } finally {
    await load.stop()
    console.log(Object.fromEntries(load.outcomes), cluster.faults)
  }
  const metrics = await Promise.all(cluster.nodes.map(({ adminPort }) => readMetrics(adminPort)))
  const grants = (outcome: string) =>
    metrics.reduce((sum, each) => sum + each.sum('gatehouse_service_grants_total', { outcome }), 0)
  const seconds = (performance.now() - startedMs) / 1000
  console.log({
    requests: load.requests,
    perSecond: Math.round(load.requests / seconds),
    introspections: cluster.issuer.asked.length,
    renewalsByWorker: cluster.worker.done.filter((result) => result === 'renewed').length,
    grantedByNodes: grants('granted'),
    refusedGrants: grants('refused'),
  })

  expect([...load.outcomes.keys()]).toEqual(['200'])
  expect(cluster.faults).toEqual([])
  expect(grants('refused')).toBe(0)
})
