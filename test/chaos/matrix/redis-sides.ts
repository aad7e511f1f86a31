import { existsSync, globSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { findRedis } from '../../../deploy/redis.mjs'
import { FaultRelay } from '../../kit/fault-relay.ts'
import { PartProcess } from '../../kit/part-process.ts'
import { freePort, freePorts } from '../../kit/ports.ts'
import { createRedisCluster, redisCli, untilAnswered } from '../../kit/redis-cli.ts'

export type Topology = 'standalone' | 'sentinel' | 'cluster'

/** The Redis of a world: its servers, and the relays through which nodes and workers reach them. */
export interface RedisSide {
  readonly servers: readonly PartProcess[]
  readonly sentinels: readonly PartProcess[]
  readonly relays: readonly FaultRelay[]
  /** `revocation.max_staleness` that fits the time of a failover, s. */
  readonly maxStalenessS: number
  /** File with the shift of the clock of the server for libfaketime; `undefined` without libfaketime. */
  readonly clockFile: string | undefined
  /** The master, or one of the masters, that accepts writes now. */
  primary(): Promise<PartProcess>
  /** Entry `redis` of the settings of a node or worker. */
  settings(user: string): object
  /** Relays of one node or worker; with Sentinel and Cluster, relays of the servers, which all share. */
  relaysOf(user: string): readonly FaultRelay[]
  /** Relays that lead to a server. */
  relaysTo(server: PartProcess): readonly FaultRelay[]
}

const CLUSTER_NODE_TIMEOUT_S = 2
const MASTERS = 3

/** Path of libfaketime, of the Debian package `faketime`; `undefined` when the package is not installed. */
export function faketimeLibrary(): string | undefined {
  return globSync('/usr/lib/*/faketime/libfaketime.so.1')[0]
}

interface ServerOptions {
  readonly folder: string
  readonly name: string
  readonly port: number
  readonly words?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

function redisServer({ folder, name, port, words = [], env: more = {} }: ServerOptions): PartProcess {
  const { command, env } = findRedis()
  const home = join(folder, name)
  mkdirSync(home, { recursive: true })
  const place = ['--port', `${port}`, '--bind', '127.0.0.1', '--dir', home, '--save', '', '--appendonly', 'yes']
  return new PartProcess({
    name,
    command,
    // The default of 60 s is longer than a row waits for the replicas after a half-open link.
    words: [...place, '--maxmemory-policy', 'noeviction', '--repl-timeout', '5', ...words],
    env: { ...process.env, ...env, ...more },
    cwd: home,
    ready: () => untilAnswered(port, ['ping'], (answer) => answer === 'PONG'),
  })
}

/** One server. Each node and worker reaches it through its own relay. */
async function standaloneRedis(folder: string, users: readonly string[]): Promise<RedisSide> {
  const port = freePort()
  const library = faketimeLibrary()
  const clockFile = library === undefined ? undefined : join(folder, 'redis-clock')
  if (clockFile !== undefined) writeFileSync(clockFile, '+0\n')
  const env =
    clockFile === undefined
      ? {}
      : {
          LD_PRELOAD: library!,
          FAKETIME_TIMESTAMP_FILE: clockFile,
          FAKETIME_CACHE_DURATION: '1',
          FAKETIME_DONT_FAKE_MONOTONIC: '1',
        }
  const server = redisServer({ folder, name: 'redis', port, env })
  await server.start()
  const relays = new Map<string, FaultRelay>()
  for (const user of users) relays.set(user, await FaultRelay.start(`${user}–redis`, port))
  return {
    servers: [server],
    sentinels: [],
    relays: [...relays.values()],
    maxStalenessS: 3,
    clockFile,
    primary: async () => server,
    settings: (user) => ({ url: `redis://127.0.0.1:${relays.get(user)!.port}/0` }),
    relaysOf: (user) => [relays.get(user)!],
    relaysTo: (part) => (part === server ? [...relays.values()] : []),
  }
}

/** A master with two replicas and three sentinels. Servers announce the ports of their relays. */
async function sentinelRedis(folder: string): Promise<RedisSide> {
  const ports = freePorts(3)
  const relays = await Promise.all(ports.map((port, i) => FaultRelay.start(`redis-${i + 1}`, port)))
  const servers = ports.map((port, i) =>
    redisServer({
      folder,
      name: `redis-${i + 1}`,
      port,
      words: [
        ...['--replica-announce-ip', '127.0.0.1', '--replica-announce-port', `${relays[i]!.port}`],
        ...['--min-replicas-to-write', '1', '--min-replicas-max-lag', '3'],
        ...['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1'],
        ...(i === 0 ? [] : ['--replicaof', '127.0.0.1', `${relays[0]!.port}`]),
      ],
    }),
  )
  await Promise.all(servers.map((server) => server.start()))
  for (const port of ports.slice(1))
    await untilAnswered(port, ['info', 'replication'], (answer) => answer.includes('master_link_status:up'))
  const watchers = freePorts(3)
  const sentinels = watchers.map((port, i) => sentinel(folder, `sentinel-${i + 1}`, port, relays[0]!.port))
  await Promise.all(sentinels.map((each) => each.start()))
  for (const port of watchers)
    await untilAnswered(port, ['sentinel', 'ckquorum', 'main'], (answer) => answer.startsWith('OK 3'))
  return {
    servers,
    sentinels,
    relays,
    maxStalenessS: 4,
    clockFile: undefined,
    async primary() {
      const answers = await Promise.all(
        watchers.map((port) => redisCli(port, 'sentinel', 'get-master-addr-by-name', 'main').catch(() => '')),
      )
      const port = Number(answers.find((answer) => answer !== '')?.split('\n')[1])
      return servers[relays.findIndex((relay) => relay.port === port)]!
    },
    settings: () => ({
      sentinel: { hosts: watchers.map((port) => `127.0.0.1:${port}`), master: 'main' },
      min_replicas_max_lag: '3s',
    }),
    relaysOf: () => relays,
    relaysTo: (part) => relays.filter((_, i) => servers[i] === part),
  }
}

function sentinel(folder: string, name: string, port: number, master: number): PartProcess {
  const { command, env } = findRedis()
  const home = join(folder, name)
  mkdirSync(home, { recursive: true })
  // A sentinel writes its state to its configuration file, which must survive a restart.
  const config = join(home, 'sentinel.conf')
  const watch = [
    `monitor main 127.0.0.1 ${master} 2`,
    'down-after-milliseconds main 1000',
    'failover-timeout main 4000',
  ]
  if (!existsSync(config))
    writeFileSync(config, `port ${port}\nbind 127.0.0.1\n${watch.map((line) => `sentinel ${line}\n`).join('')}`)
  return new PartProcess({
    name,
    command,
    words: [config, '--sentinel'],
    env: { ...process.env, ...env },
    cwd: home,
    ready: () => untilAnswered(port, ['ping'], (answer) => answer === 'PONG'),
  })
}

/** Three masters with one replica each. Servers announce the ports of their relays. */
async function clusterRedis(folder: string): Promise<RedisSide> {
  const ports = freePorts(2 * MASTERS)
  const buses = freePorts(2 * MASTERS)
  const relays = await Promise.all(ports.map((port, i) => FaultRelay.start(`redis-${i + 1}`, port)))
  const servers = ports.map((port, i) =>
    redisServer({
      folder,
      name: `redis-${i + 1}`,
      port,
      words: [
        ...['--cluster-enabled', 'yes', '--cluster-node-timeout', `${CLUSTER_NODE_TIMEOUT_S * 1000}`],
        ...['--cluster-port', `${buses[i]}`, '--cluster-announce-ip', '127.0.0.1'],
        ...['--cluster-announce-port', `${relays[i]!.port}`, '--repl-diskless-sync-delay', '0'],
        ...['--repl-ping-replica-period', '1'],
      ],
    }),
  )
  await Promise.all(servers.map((server) => server.start()))
  const hosts = relays.map(({ port }) => `127.0.0.1:${port}`)
  await createRedisCluster(hosts)
  for (const port of ports)
    await untilAnswered(port, ['cluster', 'info'], (answer) => answer.includes('cluster_state:ok'))
  return {
    servers,
    sentinels: [],
    relays,
    maxStalenessS: 6,
    clockFile: undefined,
    async primary() {
      for (const [i, port] of ports.entries()) {
        if (!servers[i]!.isRunning) continue
        const role = await redisCli(port, 'info', 'replication').catch(() => '')
        if (role.includes('role:master')) return servers[i]!
      }
      throw new Error('no master of the Redis Cluster runs')
    },
    settings: () => ({ cluster: { hosts }, cluster_node_timeout: `${CLUSTER_NODE_TIMEOUT_S}s` }),
    relaysOf: () => relays,
    relaysTo: (part) => relays.filter((_, i) => servers[i] === part),
  }
}

/** Starts the Redis of a world in the folder. @param users  names of the nodes and workers */
export function startRedisSide(topology: Topology, folder: string, users: readonly string[]): Promise<RedisSide> {
  if (topology === 'standalone') return standaloneRedis(folder, users)
  return topology === 'sentinel' ? sentinelRedis(folder) : clusterRedis(folder)
}
