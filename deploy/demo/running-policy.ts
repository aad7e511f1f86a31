import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Document, parseDocument } from 'yaml'
import { adminEnvironment, callAdmin, documentOf } from './admin-call.ts'
import type { DemoReply } from './http-call.ts'
import type { Ports } from './ports.ts'
import { stateFolder } from './state.ts'

/** Time for the nodes to acknowledge a change, ms. */
const acknowledgeMs = 10_000

/** Error: the policy of the demo was not changed. The message has the cause. */
export class PolicyNotChanged extends Error {
  override readonly name = 'PolicyNotChanged'
}

/** File of a policy revision. The policy of the demo has only one file. */
interface PolicyFile {
  readonly name: string
  readonly text: string
}

/** A change of the policy that every node of the demo enforces. */
export interface PolicyChange {
  /** Number of the policy revision that the change has made. */
  readonly number: number
  /** Whether policy.yaml in the folder of the demo has the same content as the new revision. */
  readonly isInFile: boolean
}

/**
 * Changes the active policy of the running demo, and waits until both nodes enforce the change. Keeps the comments.
 * Also changes policy.yaml in the folder of the demo, unless a user has changed this file without applying it.
 *
 * @param edit  changes the parsed policy
 * @throws {DemoNotRunning} when no demo is running
 * @throws {PolicyNotChanged} when the nodes reject the policy, or do not acknowledge it within 10 s
 */
export async function changePolicy(
  ports: Ports,
  message: string,
  edit: (policy: Document) => void,
): Promise<PolicyChange> {
  const { GATEHOUSE_ADMIN_TOKEN: token } = await adminEnvironment(ports)
  const { number: against, files } = await activePolicy(ports, token)
  const [file, ...others] = files
  if (file === undefined || others.length > 0) {
    throw new PolicyNotChanged(
      `revision ${against} has ${files.length} files; \`demo add\` changes a policy of one file`,
    )
  }
  const policy = parseDocument(file.text)
  edit(policy)
  const text = policy.toString({ lineWidth: 0 })
  const document = { files: [{ name: file.name, text }], message, against, wait_ms: acknowledgeMs }
  const reply = await callAdmin({
    port: ports.admin[0],
    method: 'POST',
    target: '/api/v1/policy/apply',
    token,
    document,
  })
  const number = numberOf(reply)
  const path = join(stateFolder(ports), 'policy.yaml')
  const isInFile = readFileSync(path, 'utf8') === file.text
  if (isInFile) replaceFile(path, text)
  return { number, isInFile }
}

/** Reads the active revision of the policy from the first node. */
export async function activePolicy(
  ports: Ports,
  token: string,
): Promise<{ readonly number: number; readonly files: readonly PolicyFile[] }> {
  const read = async (target: string) => {
    const reply = await callAdmin({ port: ports.admin[0], target, token })
    if (reply.status !== 200) throw new PolicyNotChanged(`${target}: status ${reply.status}`)
    return documentOf(reply)
  }
  const { active } = await read('/api/v1/policy/revisions')
  const { files } = await read(`/api/v1/policy/revisions/${active}`)
  return { number: active as number, files: files as readonly PolicyFile[] }
}

interface Refusal {
  readonly detail?: string
  readonly problems?: readonly { readonly message: string; readonly path?: string }[]
  readonly objections?: readonly { readonly node: string; readonly problems: Refusal['problems'] }[]
}

/**
 * Returns the number of the revision that both nodes enforce according to the reply.
 *
 * @throws {PolicyNotChanged} when they do not
 */
function numberOf(reply: DemoReply): number {
  const document = documentOf(reply)
  if (reply.status === 200) return document['number'] as number
  if (reply.status === 202) {
    const missing = (document['missing'] as readonly string[]).join(', ')
    throw new PolicyNotChanged(`revision ${document['number']} is active, but not acknowledged by ${missing}`)
  }
  const { detail, problems = [], objections = [] } = document as Refusal
  const all = [...problems, ...objections.flatMap((each) => each.problems ?? [])]
  const lines = all.map(({ message, path = '' }) => (path === '' ? message : `${path}: ${message}`))
  throw new PolicyNotChanged([detail ?? `status ${reply.status}`, ...new Set(lines)].join('\n  '))
}

/** Replaces a file in one step, so that no program reads a partly written file. */
function replaceFile(path: string, text: string): void {
  const beside = `${path}.new`
  writeFileSync(beside, text, { mode: 0o600 })
  renameSync(beside, path)
}
