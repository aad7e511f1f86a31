import { expect, test } from 'vitest'
import { TargetRegistry } from '../../../gateway/upstream/target-registry.ts'
import { startUpstream } from '../../kit/upstream.ts'
import { called, send } from './call-log.ts'

// A policy change closes no connection that the new policy still uses, and cancels no running call.

const timeouts = { connectMs: 1000 }
const service = (...urls: string[]) => ({
  id: 'orders',
  upstreams: urls.map((url) => new URL(url)),
  maxCalls: 1024,
  timeouts,
})

test('each service has one balancer, and services that name the same upstream share one target (its connections and limits)', () => {
  const registry = new TargetRegistry()
  const [one, two] = registry.replace([service('http://a.test:1', 'http://b.test:2'), service('http://b.test:2')])

  expect(one!.targets.map(({ origin }) => origin)).toEqual(['http://a.test:1', 'http://b.test:2'])
  expect(two!.targets[0]).toBe(one!.targets[1])
})

test.each([{ timeouts: { connectMs: 1 } }, { maxCalls: 1 }])(
  'two services that name the same upstream have separate targets if these settings of theirs differ: %o',
  (other) => {
    const registry = new TargetRegistry()
    const [one, two] = registry.replace([service('http://a.test:1'), { ...service('http://a.test:1'), ...other }])

    expect(one!.targets[0]).not.toBe(two!.targets[0])
  },
)

test('an upstream that stays in a changed policy keeps its target and its connections', async () => {
  const upstream = await startUpstream()
  const registry = new TargetRegistry()
  const [before] = registry.replace([service(upstream.url)])
  await called(before!.next())

  const [after] = registry.replace([service(upstream.url, 'http://other.test')])
  await called(after!.targets[0]!)

  expect(after!.targets[0]).toBe(before!.targets[0])
  expect(upstream.connections).toBe(1)
  registry.close()
})

test('a running call to an upstream that a new policy removes is not cancelled', async () => {
  const release = Promise.withResolvers<void>()
  const upstream = await startUpstream({
    handler: async (_received, response) => {
      response.write('begun, ')
      await release.promise
      response.end('ended')
    },
  })
  const registry = new TargetRegistry()
  const [balancer] = registry.replace([service(upstream.url)])
  const log = send(balancer!.next())
  await expect.poll(() => log.body).toBe('begun, ')

  registry.replace([])
  release.resolve()

  await log.over()
  expect(log).toMatchObject({ body: 'begun, ended', events: ['head', 'data', 'end'] })
})

test('after a policy change, an exchange under the previous policy can still call a removed upstream', async () => {
  const upstream = await startUpstream()
  const registry = new TargetRegistry()
  const [balancer] = registry.replace([service(upstream.url)])
  const target = balancer!.next()
  await called(target)

  registry.replace([])

  expect(await called(target)).toMatchObject({ status: 200, events: ['head', 'data', 'end'] })
})

test('a drained upstream is drained also when a later policy adds it to the service, and the others are not', () => {
  const registry = new TargetRegistry({ nowMs: () => 1000 })
  registry.replace([service('http://a.test:1')])
  registry.drain(
    new Map([
      ['orders http://b.test:2', Number.POSITIVE_INFINITY],
      ['orders http://c.test:3', 1000],
      ['other http://a.test:1', Number.POSITIVE_INFINITY],
    ]),
  )
  const [balancer] = registry.replace([service('http://a.test:1', 'http://b.test:2', 'http://c.test:3')])
  const states = () => balancer!.members.map((member) => member.stateAt(performance.now(), 0))
  expect(states()).toEqual(['up', 'drained', 'up'])

  registry.drain(new Map())
  expect(states()).toEqual(['up', 'up', 'up'])
})
