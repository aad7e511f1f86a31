import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { type FirstCertificates, type RotatingCluster, RotationLoad, startRotatingCluster } from './rotating-cluster.ts'
import { rotationsOf } from './rotations.ts'

// Certificates and CAs are rotated on three nodes under load, without a restart and without a failed request. The peers
// of the gate see each new certificate. `npm run chaos -- rotations` also rotates secrets and keys, several times.

let cluster: RotatingCluster
let first: FirstCertificates

beforeAll(async () => {
  ;({ cluster, first } = await startRotatingCluster())
})

test('the certificates and CAs of the gate and of its peers are rotated under load without a failed request, and peers see the new certificates', async () => {
  const rotations = rotationsOf(cluster, first)
  const load = new RotationLoad(cluster, first.identity, 15)
  onTestFinished(() => load.stop())
  await load.cycle()
  for (const name of [
    'client certificate towards a service',
    'CA of a service',
    'certificate of the listener',
    'client CA of the listener',
  ]) {
    await rotations[name]!(load)
  }
  await load.stop()

  expect([...load.outcomes.keys()]).toEqual(['200'])
  expect(cluster.faults).toEqual([])
})
