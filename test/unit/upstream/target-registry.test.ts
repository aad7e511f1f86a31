import { expect, test } from 'vitest'
import { PlainTarget } from '../../../gateway/upstream/plain-target.ts'
import { TargetRegistry } from '../../../gateway/upstream/target-registry.ts'
import { UndiciTarget } from '../../../gateway/upstream/undici-target.ts'
import { startUpstream } from '../../kit/upstream.ts'
import { called, send } from './call-log.ts'

// A change of the policy costs no connection that is still wanted, and no call that is under way.

const timeouts = { connectMs: 1000 }
const service = (...urls: string[]) => ({
  upstreams: urls.map((url) => new URL(url)),
  httpClient: 'own' as const,
  maxCalls: 1024,
  timeouts,
})

test('one balancer a service, in order, and one target an upstream, whoever names it', () => {
  const registry = new TargetRegistry()
  const [one, two] = registry.replace([service('http://a.test:1', 'http://b.test:2'), service('http://b.test:2')])

  expect(one!.targets.map(({ origin }) => origin)).toEqual(['http://a.test:1', 'http://b.test:2'])
  expect(two!.targets[0]).toBe(one!.targets[1])
})

test('plain upstreams get the own client, those with TLS undici', () => {
  const [balancer] = new TargetRegistry().replace([service('http://a.test', 'https://a.test')])

  expect(balancer!.targets.map((target) => target.constructor)).toEqual([PlainTarget, UndiciTarget])
})

test('where a service asks for undici, its plain upstreams have it, and those of another service the own client', () => {
  const [one, two] = new TargetRegistry().replace([
    { ...service('http://a.test'), httpClient: 'undici' },
    service('http://a.test'),
  ])

  expect(one!.targets.map((target) => target.constructor)).toEqual([UndiciTarget])
  expect(two!.targets.map((target) => target.constructor)).toEqual([PlainTarget])
})

test.each([{ timeouts: { connectMs: 1 } }, { maxCalls: 1 }, { httpClient: 'undici' as const }])(
  'the same upstream with other settings (%o) is another target',
  (other) => {
    const registry = new TargetRegistry()
    const [one, two] = registry.replace([service('http://a.test:1'), { ...service('http://a.test:1'), ...other }])

    expect(one!.targets[0]).not.toBe(two!.targets[0])
  },
)

test('an upstream that is named again keeps its connections and what is known of it', async () => {
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

test('a call to an upstream that is named no more comes to its end', async () => {
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

test('so does one that an exchange of the policy before makes only now', async () => {
  const upstream = await startUpstream()
  const registry = new TargetRegistry()
  const [balancer] = registry.replace([service(upstream.url)])
  const target = balancer!.next()
  await called(target)

  registry.replace([])

  expect(await called(target)).toMatchObject({ status: 200, events: ['head', 'data', 'end'] })
})
