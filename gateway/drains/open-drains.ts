import type { ClusterRoom } from '../cluster/open-cluster.ts'
import type { TargetRegistry } from '../upstream/target-registry.ts'
import { Drains, type DrainsDependencies } from './drains.ts'

/**
 * Opens the component for drains of upstreams (upstreams that operators took out of service). Call before the node
 * joins the cluster.
 */
export function openDrains(
  { link, cluster, client }: Pick<ClusterRoom, 'link' | 'cluster' | 'client'>,
  targets: Pick<TargetRegistry, 'drain'>,
  log: DrainsDependencies['log'],
): Drains {
  const { acknowledgements } = cluster
  const onChange = (untilMs: ReadonlyMap<string, number>): void => targets.drain(untilMs)
  const drains = new Drains({ client, keys: link.keys, acknowledgements, onChange, log })
  cluster.register(drains)
  return drains
}
