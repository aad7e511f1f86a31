import { atEnd, atFailure } from './cleanup.ts'
import { HostedNode } from './hosted-node.ts'
import { NodeProcess } from './node-process.ts'
import type { NodeOptions, TestNode } from './test-node.ts'

/**
 * Starts a node with this policy and waits until it is ready. Its process runs other nodes before and after it. The
 * node is closed after the last test of the file. When a test fails, the last log lines of the node are printed.
 *
 * @throws {StartFailure} when the node refuses to start
 */
export async function startNode(options: NodeOptions): Promise<TestNode> {
  const atStart = Object.keys(options.env ?? {}).find((name) => /^(?:NODE|SSL)_/.test(name))
  if (atStart !== undefined) throw new Error(`Node reads ${atStart} when a process starts: use startNodeProcess`)
  return started(new HostedNode(options))
}

/**
 * Starts a node like `startNode`, with its own process, for a test that signals or ends the process, or reads its exit
 * code, memory, descriptors or Node flags. The start takes ten times the CPU time.
 *
 * @throws {StartFailure} when the node refuses to start
 */
export function startNodeProcess(options: NodeOptions): Promise<NodeProcess> {
  return started(new NodeProcess(options))
}

async function started<N extends TestNode>(node: N): Promise<N> {
  atFailure(() => console.error(node.dump()))
  atEnd(() => node.remove())
  await node.ready()
  return node
}
