import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Child, startChild } from '../../deploy/child.ts'
import { findRedis } from '../../deploy/redis.mjs'
import { type RedisServer, startRedis } from '../../deploy/redis-server.ts'
import { atEnd } from './cleanup.ts'
import { freePorts } from './ports.ts'
import { redisCli, untilAnswered } from './redis-cli.ts'

export const maxLagMs = 5000

export interface TestSentinel {
  readonly sentinels: readonly string[]
  readonly master: string
  masterPort(): Promise<number>
  /** Kills the master and waits until the sentinels name a new master. */
  killMaster(): Promise<void>
}

interface SentinelOptions {
  /** Value of `min-replicas-to-write` of the Redis servers. */
  readonly minReplicas: number
}

/** Starts a Redis master with two replicas and three sentinels. They stop after the last test of the file. */
export async function testSentinel({ minReplicas }: SentinelOptions): Promise<TestSentinel> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-sentinel-'))
  const [first, ...others] = freePorts(6)
  const replicas = others.slice(0, 2)
  const sentinels = others.slice(2)
  const servers = new Map<number, RedisServer>()
  const watchers: Child[] = []
  atEnd(async () => {
    await Promise.all([...watchers, ...servers.values()].map((child) => child.stop()))
    rmSync(folder, { recursive: true, force: true })
  })
  const guard = ['--min-replicas-to-write', `${minReplicas}`, '--min-replicas-max-lag', `${maxLagMs / 1000}`]
  const common = [...guard, '--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1']
  const serve = async (port: number, ...more: string[]) => {
    const place = { folder: join(folder, `${port}`), port, appendOnly: true }
    servers.set(port, await startRedis({ ...place, arguments: [...common, ...more] }))
  }
  await serve(first!)
  await Promise.all(replicas.map((port) => serve(port, '--replicaof', '127.0.0.1', `${first}`)))
  for (const port of replicas) {
    await untilAnswered(port, ['info', 'replication'], (answer) => answer.includes('master_link_status:up'))
  }
  const { command, env } = findRedis()
  for (const port of sentinels) {
    const home = join(folder, `${port}`)
    mkdirSync(home)
    // A sentinel writes its state to its configuration file, so each sentinel has its own file.
    const config = join(home, 'sentinel.conf')
    const watch = [
      `monitor main 127.0.0.1 ${first} 2`,
      'down-after-milliseconds main 1000',
      'failover-timeout main 5000',
    ]
    writeFileSync(config, `port ${port}\nbind 127.0.0.1\n${watch.map((line) => `sentinel ${line}\n`).join('')}`)
    const options = { arguments: [config, '--sentinel'], env: { ...process.env, ...env }, cwd: home }
    watchers.push(await startChild({ name: 'sentinel', command, ...options, log: join(home, 'log') }))
  }
  for (const port of sentinels) {
    await untilAnswered(port, ['sentinel', 'ckquorum', 'main'], (answer) => answer.startsWith('OK 3'))
  }
  const masterPort = async (): Promise<number> =>
    Number((await redisCli(sentinels[0]!, 'sentinel', 'get-master-addr-by-name', 'main')).split('\n')[1])
  return {
    sentinels: sentinels.map((port) => `127.0.0.1:${port}`),
    master: 'main',
    masterPort,
    async killMaster() {
      const master = await masterPort()
      process.kill(servers.get(master)!.pid, 'SIGKILL')
      await servers.get(master)!.ended
      const named = ['sentinel', 'get-master-addr-by-name', 'main'] as const
      await untilAnswered(sentinels[0]!, named, (answer) => ![0, master].includes(Number(answer.split('\n')[1]) || 0))
    },
  }
}
