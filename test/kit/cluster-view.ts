import { Cluster } from '../../gateway/cluster/cluster.ts'
import type { EpochFile } from '../../gateway/cluster/epoch-file.ts'
import type { RedisLink } from '../../gateway/redis/redis-link.ts'
import { atEnd } from './cleanup.ts'
import { untilReady } from './redis.ts'

interface ViewOptions {
  readonly id?: string
  readonly epochFile?: EpochFile
  readonly said?: string[]
}

/**
 * Creates a `Cluster` in the process of the tests. Before `start` it only reads the state of the cluster; after `start`
 * it is a member.
 */
export async function clusterView(
  link: RedisLink,
  { id = 'view', epochFile, said = [] }: ViewOptions = {},
): Promise<Cluster> {
  const client = link.client('receipt', id)
  const cluster = new Cluster({
    link,
    client,
    node: { id, address: '127.0.0.1:1', version: '0' },
    revision: () => 'r1',
    boundMs: () => 10_000,
    epochFile,
    log: (_, message) => said.push(message),
    onFatal: (error) => said.push(error.message),
  })
  atEnd(() => cluster.close())
  await untilReady(client)
  return cluster
}
