import { expect, test } from 'vitest'
import { QueueView } from '../../../gateway/queues/queue-view.ts'
import { Queues } from '../../../gateway/queues/queues.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { redisSettingsFor, testLink, testRedis } from '../../kit/redis.ts'
import { until } from '../../kit/until.ts'

const link = await testLink(redisSettingsFor((await testRedis()).port))

test('a view of a queue does not change the maximum of 1000 entries in the event stream of the queue, and writes nothing for an unused queue', async () => {
  const queues = new Queues('refresh', link, 'test')
  atEnd(() => queues.close())
  const maxOf = (name: string) =>
    link.store.call('HGET', `${link.keys.queues('refresh')}:${name}:meta`, 'opts.maxLenEvents')
  await (await queues.of('idp')).getWaitingCount()
  await until('the queue is set up', async () => (await maxOf('idp')) === '1000')

  const listed = await new QueueView('refresh', link).list(['idp', 'unused'])

  expect(listed.map(({ queue }) => queue)).toEqual(['refresh:idp', 'refresh:unused'])
  expect(await maxOf('idp')).toBe('1000')
  expect(await link.store.call('EXISTS', `${link.keys.queues('refresh')}:unused:meta`)).toBe(0)
})
