import { expect, test, vi } from 'vitest'
import { Balancer } from '../../../gateway/upstream/balancer.ts'
import { Http1Target } from '../../../gateway/upstream/http1-target.ts'

// The upstreams of a service are called in turn. After a failure, an upstream is skipped for a back-off time. The tests
// set the clock instead of waiting.

const targets = (count: number) =>
  Array.from({ length: count }, (_, n) => new Http1Target(new URL(`http://127.0.0.1:${n + 1}`), 1000, 1024))
const turns = (balancer: Balancer, count: number) =>
  Array.from({ length: count }, () => Number(new URL(balancer.next().origin).port))

function atTime(run: (set: (ms: number) => void) => void): void {
  const clock = vi.spyOn(performance, 'now')
  try {
    run((ms) => clock.mockReturnValue(ms))
  } finally {
    clock.mockRestore()
  }
}

test('the balancer distributes calls evenly over all upstreams of a service', () => {
  expect(turns(new Balancer(targets(3)), 7)).toEqual([1, 2, 3, 1, 2, 3, 1])
  expect(turns(new Balancer(targets(1)), 3)).toEqual([1, 1, 1])
})

test('the balancer sends no calls to a failed upstream until the back-off of the upstream ends', () => {
  atTime((set) => {
    const balancer = new Balancer(targets(3))
    set(10_000)
    balancer.targets[1]!.health.failed()
    expect(turns(balancer, 6)).not.toContain(2)
    set(10_999)
    expect(turns(balancer, 6)).not.toContain(2)
    set(11_000)
    expect(turns(balancer, 3).sort()).toEqual([1, 2, 3])
  })
})

test('while every upstream of a service is in its back-off, the balancer spreads calls evenly over all of them', () => {
  atTime((set) => {
    const balancer = new Balancer(targets(2))
    set(10_000)
    for (const target of balancer.targets) target.health.failed()
    expect(turns(balancer, 4).sort()).toEqual([1, 1, 2, 2])
  })
})

test('the back-off of an upstream doubles with each later failure, from 1 s up to 16 s, and the first reply resets it', () => {
  atTime((set) => {
    const [target] = targets(1)
    let nowMs = 50_000
    const rests: number[] = []
    for (let n = 0; n < 7; n++) {
      set(nowMs)
      target!.health.failed()
      rests.push(target!.health.restUntil - nowMs)
      nowMs = target!.health.restUntil
    }
    expect(rests).toEqual([1000, 2000, 4000, 8000, 16_000, 16_000, 16_000])
    set(nowMs)
    target!.health.succeeded()
    expect(target!.health.restUntil).toBe(0)
    target!.health.failed()
    expect(target!.health.restUntil - nowMs).toBe(1000)
  })
})

test('failures of an upstream during its back-off do not extend the back-off', () => {
  atTime((set) => {
    const [target] = targets(1)
    set(50_000)
    for (let n = 0; n < 100; n++) target!.health.failed()
    expect(target!.health.restUntil).toBe(51_000)
    set(51_000)
    for (let n = 0; n < 100; n++) target!.health.failed()
    expect(target!.health.restUntil).toBe(53_000)
  })
})
