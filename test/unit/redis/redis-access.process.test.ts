// New connections to Redis use changed users, passwords and certificates. A connection that works stays open. When Redis
// refuses the new value, the next connection uses the previous one.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import { expect, test } from 'vitest'
import { startChild } from '../../../deploy/child.ts'
import { findRedis } from '../../../deploy/redis.mjs'
import type { RedisSettings, RedisTls, RedisTopology } from '../../../gateway/base/redis-topology.ts'
import { RedisLink } from '../../../gateway/redis/redis-link.ts'
import { CertificateAuthority } from '../../kit/certificate-authority.ts'
import { atEnd } from '../../kit/cleanup.ts'
import { freePort } from '../../kit/ports.ts'
import { redisSettingsFor, testRedis, untilReady } from '../../kit/redis.ts'
import { redisCli, untilAnswered } from '../../kit/redis-cli.ts'
import { until } from '../../kit/until.ts'

const folder = mkdtempSync(join(tmpdir(), 'gatehouse-redis-access-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))

async function startSentinel(redisPort: number): Promise<number> {
  const port = freePort()
  const config = join(folder, 'sentinel.conf')
  writeFileSync(config, `port ${port}\nbind 127.0.0.1\nsentinel monitor main 127.0.0.1 ${redisPort} 1\n`)
  const { command, env } = findRedis()
  const options = { arguments: [config, '--sentinel'], env: { ...process.env, ...env }, cwd: folder }
  const sentinel = await startChild({ name: 'sentinel', command, ...options, log: join(folder, 'sentinel.log') })
  atEnd(() => sentinel.stop())
  await untilAnswered(port, ['ping'], (answer) => answer === 'PONG')
  return port
}

/** Starts a Redis in each topology, and returns the ports whose users the test changes. */
const topologies = {
  standalone: async () => {
    const { port } = await testRedis()
    return { ports: [port], place: redisSettingsFor(port).place }
  },
  cluster: async () => {
    const port = freePort()
    const options = [
      '--cluster-enabled',
      'yes',
      '--cluster-port',
      `${freePort()}`,
      '--cluster-announce-ip',
      '127.0.0.1',
    ]
    await testRedis({ port, arguments: options })
    await redisCli(port, 'CLUSTER', 'ADDSLOTSRANGE', '0', '16383')
    await untilAnswered(port, ['cluster', 'info'], (answer) => answer.includes('cluster_state:ok'))
    const hosts = [{ host: '127.0.0.1', port }]
    const place: RedisTopology = { topology: 'cluster', hosts, nodeTimeoutMs: 3000 }
    return { ports: [port], place }
  },
  sentinel: async () => {
    const { port } = await testRedis()
    const sentinel = await startSentinel(port)
    const place: RedisTopology = {
      topology: 'sentinel',
      sentinels: [{ host: '127.0.0.1', port: sentinel }],
      master: 'main',
      username: undefined,
      password: undefined,
      minReplicasMaxLagMs: 5000,
    }
    return { ports: [port, sentinel], place }
  },
}

test.each(Object.keys(topologies) as (keyof typeof topologies)[])(
  'connections to Redis (%s) follow a password rotation during which two passwords are valid, working connections stay open, and all close with their link',
  async (topology) => {
    const { ports, place } = await topologies[topology]()
    const acl = (...rules: string[]) =>
      Promise.all(ports.map((port) => redisCli(port, 'ACL', 'SETUSER', 'gate', ...rules)))
    /** Ends all connections of the user: the connections of this process reconnect. */
    const drop = () => Promise.all(ports.map((port) => redisCli(port, 'CLIENT', 'KILL', 'USER', 'gate')))
    await acl('on', '>one', '~*', '&*', '+@all')
    let password = 'one'
    const current = (): RedisSettings => ({
      ...redisSettingsFor(0),
      username: 'gate',
      password,
      place: place.topology === 'sentinel' ? { ...place, username: 'gate', password } : place,
    })
    const link = new RedisLink(current(), () => {}, { current, refresh() {} })
    atEnd(() => link.close())
    const worker = link.queueConnection('worker', 'jobs') as Redis
    // BullMQ duplicates its connection for blocking calls.
    const blocking = worker.duplicate()
    blocking.on('error', () => {})
    atEnd(() => blocking.disconnect())
    const ready = async () => {
      await untilReady(link.store)
      await until('the connections of the job queue', () => worker.status === 'ready' && blocking.status === 'ready')
      return [await link.store.call('GET', 'gh:a'), await worker.get('gh:a'), await blocking.get('gh:a')]
    }
    const clients = async () =>
      (await redisCli(ports[0]!, 'CLIENT', 'LIST'))
        .split('\n')
        .filter((line) => line.includes('user=gate'))
        .map((line) => /^id=(\d+)/.exec(line)![1]!)
    expect(await ready()).toEqual([null, null, null])
    const before = await clients()

    // The gate has the new password first: Redis refuses it, and the connections use the previous one.
    password = 'two'
    expect(await clients()).toEqual(before)
    await drop()
    await until('new connections', async () => !(await clients()).some((id) => before.includes(id)))
    expect(await ready()).toEqual([null, null, null])
    const between = await clients()

    // Redis accepts both passwords, and then only the new password.
    await acl('>two')
    await acl('<one')
    expect(await clients()).toEqual(between)
    await drop()
    await until('new connections', async () => !(await clients()).some((id) => between.includes(id)))
    expect(await ready()).toEqual([null, null, null])

    blocking.disconnect()
    await link.close()
    await until('the end of all connections, those to sentinels included', async () => {
      const lists = await Promise.all(ports.map((port) => redisCli(port, 'CLIENT', 'LIST')))
      return lists.every((list) => !list.includes('user=gate'))
    })
  },
)

test('connections to Redis follow a changed user, and return to the previous user when Redis refuses the new one', async () => {
  const { port } = await testRedis()
  await redisCli(port, 'ACL', 'SETUSER', 'old', 'on', '>one', '~*', '&*', '+@all')
  let settings = redisSettingsFor(port, { username: 'old', password: 'one' })
  const link = new RedisLink(settings, () => {}, { current: () => settings, refresh() {} })
  atEnd(() => link.close())
  await untilReady(link.store)
  settings = redisSettingsFor(port, { username: 'new', password: 'two' })
  const client = async () => String(await link.store.call('CLIENT', 'INFO').catch(() => ''))
  const [before] = (await client()).split(' ')
  await redisCli(port, 'CLIENT', 'KILL', 'USER', 'old')
  await until('a new connection of the old user', async () => {
    const info = await client()
    return info.includes('user=old') && !info.startsWith(`${before} `)
  })

  await redisCli(port, 'ACL', 'SETUSER', 'new', 'on', '>two', '~*', '&*', '+@all')
  await redisCli(port, 'ACL', 'DELUSER', 'old')
  await until('a connection of the new user', async () => (await client()).includes('user=new'))
})

test('after a change of the TLS files, new Redis connections use the new client certificate, or the previous one while Redis refuses the new one, and trust only the newest CA', async () => {
  const [servers, other, first, second] = await Promise.all(
    ['servers', 'other', 'one', 'two'].map((name) => CertificateAuthority.create(name)),
  )
  const home = mkdtempSync(join(folder, 'tls-'))
  const put = (name: string, text: string) => {
    writeFileSync(join(home, name), text)
    return join(home, name)
  }
  const { cert, key } = await servers!.issue({ names: ['localhost'] })
  const files = {
    'tls-cert-file': put('cert', cert),
    'tls-key-file': put('key', key),
    'tls-ca-cert-file': put('ca', first!.cert),
  }
  const tlsPort = freePort()
  const words = Object.entries(files).flatMap(([name, file]) => [`--${name}`, file])
  const { port } = await testRedis({ folder: home, arguments: ['--tls-port', `${tlsPort}`, ...words] })
  const [one, two] = await Promise.all([
    first!.issue({ names: ['gate'], use: 'clientAuth' }),
    second!.issue({ names: ['gate'], use: 'clientAuth' }),
  ])
  let tls: RedisTls = { ca: servers!.cert, ...one, serverName: 'localhost' }
  const current = () => redisSettingsFor(tlsPort, { tls })
  const link = new RedisLink(current(), () => {}, { current, refresh() {} })
  atEnd(() => link.close())
  await untilReady(link.store)
  const id = async () => Number(await link.store.call('CLIENT', 'ID').catch(() => 0))
  const reconnect = async () => {
    const before = await id()
    await redisCli(port, 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await until('a new connection', async () => (await id()) > before)
  }

  tls = { ...tls, ...two }
  await reconnect()
  // Redis accepts the new certificate, and no longer the old one.
  put('ca', second!.cert)
  await redisCli(port, 'CONFIG', 'SET', 'tls-ca-cert-file', files['tls-ca-cert-file'])
  await reconnect()

  // An authority that was removed is not trusted again.
  tls = { ...tls, ca: other!.cert }
  await redisCli(port, 'CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await until('the loss of the connection', () => !link.store.ready)
  await expect(until('a connection', () => link.store.ready, 2000)).rejects.toThrow()
  tls = { ...tls, ca: `${other!.cert}\n${servers!.cert}` }
  await untilReady(link.store)
})

test('a Redis link without a source of changed credentials connects with the password of its settings', async () => {
  const { port } = await testRedis()
  await redisCli(port, 'CONFIG', 'SET', 'requirepass', 'right')
  const link = new RedisLink(redisSettingsFor(port, { password: 'right' }), () => {})
  atEnd(() => link.close())
  await untilReady(link.store)

  const driver = link.queueConnection('producer', 'jobs') as Redis
  await until('the connection', () => driver.status === 'ready')
  expect(await driver.ping()).toBe('PONG')
})
