import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RedisServer, startRedis } from '../../deploy/redis-server.ts'
import { atEnd } from './cleanup.ts'
import { freePorts } from './ports.ts'
import { createRedisCluster, redisCli, untilAnswered } from './redis-cli.ts'
import { until } from './until.ts'

const MASTERS = 3
export const nodeTimeoutMs = 3000

export interface TestRedisCluster {
  readonly hosts: readonly string[]
  /** Kills the master that has this key, and waits until every other server has the replica as master. */
  killMasterOf(key: string): Promise<void>
}

/** Starts a Redis Cluster of three masters with one replica each. The cluster stops after the last test of the file. */
export async function testRedisCluster(): Promise<TestRedisCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-cluster-'))
  const ports = freePorts(4 * MASTERS)
  const servers = new Map<number, RedisServer>()
  atEnd(async () => {
    await Promise.all([...servers.values()].map((server) => server.stop()))
    rmSync(folder, { recursive: true, force: true })
  })
  const own = ports.slice(0, 2 * MASTERS)
  await Promise.all(
    own.map(async (port, i) => {
      const bus = ports[2 * MASTERS + i]!
      const options = [
        '--cluster-enabled',
        'yes',
        '--cluster-node-timeout',
        `${nodeTimeoutMs}`,
        '--cluster-port',
        `${bus}`,
      ]
      const place = { folder: join(folder, `${port}`), port, appendOnly: true }
      servers.set(port, await startRedis({ ...place, arguments: [...options, '--repl-diskless-sync-delay', '0'] }))
    }),
  )
  const hosts = own.map((port) => `127.0.0.1:${port}`)
  await createRedisCluster(hosts)
  for (const port of own)
    await untilAnswered(port, ['cluster', 'info'], (answer) => answer.includes('cluster_state:ok'))
  for (const port of own) {
    await untilAnswered(
      port,
      ['info', 'replication'],
      (answer) => answer.includes('role:master') || answer.includes('master_link_status:up'),
    )
  }
  const masterOf = async (port: number, key: string): Promise<number> => {
    const slot = Number(await redisCli(port, 'cluster', 'keyslot', key))
    for (const line of (await redisCli(port, 'cluster', 'nodes')).split('\n')) {
      const [, address, flags, , , , , , ...ranges] = line.split(' ')
      if (!flags!.includes('master') || flags!.includes('fail')) continue
      const holds = ranges.some((range) => {
        const [from, to = from] = range.split('-').map(Number)
        return slot >= from! && slot <= to!
      })
      if (holds) return Number(/:(\d+)@/.exec(address!)![1])
    }
    return 0
  }
  return {
    hosts,
    async killMasterOf(key) {
      const master = await masterOf(own[0]!, key)
      const left = own.filter((port) => port !== master)
      process.kill(servers.get(master)!.pid, 'SIGKILL')
      await servers.get(master)!.ended
      // A client can ask any server, and a server that does not know of the failover would redirect it to the dead master.
      await until(
        'every server knows the new master',
        async () => {
          const known = await Promise.all(left.map((port) => masterOf(port, key)))
          return known.every((now) => now !== 0 && now !== master)
        },
        60_000,
      )
      for (const port of left)
        await untilAnswered(port, ['cluster', 'info'], (answer) => answer.includes('cluster_state:ok'))
    },
  }
}
