import type { ClusterRoom } from '../cluster/open-cluster.ts'
import type { Settings } from '../config/settings.ts'
import { StreamEnder, type StreamEnderDependencies } from './stream-ender.ts'
import { StreamRegistry } from './stream-registry.ts'
import { StreamSummaries } from './stream-summaries.ts'

export interface StreamRoomDependencies {
  readonly settings: Pick<Settings, 'streams' | 'node'>
  /** Connection to the cluster; `undefined` on a node without Redis. */
  readonly cluster: Pick<ClusterRoom, 'link' | 'cluster' | 'client' | 'running'> | undefined
  readonly log: StreamEnderDependencies['log']
}

export interface StreamRoom {
  readonly registry: StreamRegistry
  /** Publishes and reads summaries of streams; `undefined` on a node without Redis. */
  readonly ender: StreamEnder | undefined
  readonly summaries: StreamSummaries | undefined
  close(): Promise<void>
}

/**
 * Opens the streams of a node. Must be called after the revocations have been opened, and before the node joins the
 * cluster.
 */
export function openStreams({ settings, cluster, log }: StreamRoomDependencies): StreamRoom {
  const registry = new StreamRegistry(settings.streams)
  // Register after the revocations, so that this registry receives each event after the revocation replica has applied
  // it.
  cluster?.cluster.register(registry)
  const ender = cluster && openEnder(cluster, log)
  const summaries =
    cluster &&
    new StreamSummaries({
      node: settings.node.id,
      registry,
      client: cluster.client,
      keys: cluster.link.keys,
      members: cluster.running,
    })
  const close = async (): Promise<void> => {
    registry.close()
    await summaries?.close()
    await ender?.close()
  }
  return { registry, ender, summaries, close }
}

function openEnder(
  { link, cluster }: NonNullable<StreamRoomDependencies['cluster']>,
  log: StreamRoomDependencies['log'],
): StreamEnder {
  return new StreamEnder({
    link,
    acknowledgements: cluster.acknowledgements,
    boundMs: () => cluster.boundMs,
    lostMembers: (listed) => cluster.lostMembers(listed),
    log,
  })
}
