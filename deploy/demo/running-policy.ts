import { createHash } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Document, parseDocument } from 'yaml'
import { adminEnvironment, callAdmin, documentOf } from './admin-call.ts'
import type { Ports } from './ports.ts'
import { nodeNames, stateFolder } from './state.ts'

/** Pause between two questions to a node, ms. */
const askAgainMs = 20
const bothNodesLimitMs = 10_000

/** Error: the policy of the demo was not changed. The message has the cause. */
export class PolicyNotChanged extends Error {
  override readonly name = 'PolicyNotChanged'
}

/** A change of the policy that the nodes have not yet acknowledged. */
export interface PolicyChange {
  readonly revision: string
  /** Number of policies that each node had rejected before the change. */
  readonly rejectedBefore: readonly number[]
  /** Restores the policy before the change. */
  undo(): void
}

/**
 * Changes the policy of the running demo. Comments stay. The file is replaced in one step, so that a node never reads a
 * part of it.
 *
 * @param edit  changes the parsed policy
 * @throws {DemoNotRunning} when no demo is running
 * @throws {PolicyNotChanged} when the policy is not valid YAML
 */
export async function changePolicy(ports: Ports, edit: (policy: Document) => void): Promise<PolicyChange> {
  // The files of an ended demo remain. A change of its policy would have no effect.
  const rejectedBefore = (await nodePolicies(ports)).map(({ rejected }) => rejected)
  const path = join(stateFolder(ports), 'policy.yaml')
  const before = readFileSync(path, 'utf8')
  const policy = parseDocument(before)
  if (policy.errors.length > 0) {
    throw new PolicyNotChanged(`${path} is not valid YAML: ${policy.errors[0]!.message}`)
  }
  edit(policy)
  const text = policy.toString({ lineWidth: 0 })
  replaceFile(path, text)
  const revision = createHash('sha256').update(text).digest('hex').slice(0, 12)
  return { revision, rejectedBefore, undo: () => replaceFile(path, before) }
}

function replaceFile(path: string, text: string): void {
  const beside = `${path}.new`
  writeFileSync(beside, text, { mode: 0o600 })
  renameSync(beside, path)
}

/** Policy of a node, as its status reports it. */
interface NodePolicy {
  readonly revision: string
  readonly rejected: number
}

async function nodePolicies(ports: Ports): Promise<NodePolicy[]> {
  const { GATEHOUSE_ADMIN_TOKEN: token } = await adminEnvironment(ports)
  const replies = await Promise.all(ports.admin.map((port) => callAdmin({ port, target: '/status', token })))
  return replies.map((reply) => (documentOf(reply) as { policy: NodePolicy }).policy)
}

/**
 * Waits until both nodes report that they run the changed policy.
 *
 * @throws {PolicyNotChanged} when a node rejects it, or runs another policy after 10 s
 */
export async function bothNodesRun(ports: Ports, { revision, rejectedBefore }: PolicyChange): Promise<void> {
  const deadlineMs = performance.now() + bothNodesLimitMs
  for (;;) {
    const policies = await nodePolicies(ports)
    const late = policies.findIndex((policy) => policy.revision !== revision)
    if (late === -1) return
    const rejecting = policies.findIndex(({ rejected }, i) => rejected > rejectedBefore[i]!)
    if (rejecting !== -1)
      throw new PolicyNotChanged(`${nodeNames[rejecting]} rejects the policy; ${logOf(rejecting, ports)}`)
    if (performance.now() > deadlineMs) {
      throw new PolicyNotChanged(`${nodeNames[late]} runs another policy after 10 s; ${logOf(late, ports)}`)
    }
    await sleep(askAgainMs)
  }
}

function logOf(index: number, ports: Ports): string {
  return `its log has the reason: ${join(stateFolder(ports), `${nodeNames[index]}.log`)}`
}
