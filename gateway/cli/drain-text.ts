import { z } from 'zod'
import { adminUnreachable } from './admin-client.ts'
import { exitCodes, type Output } from './output.ts'
import { flag } from './verb.ts'

interface DrainDocument {
  readonly upstreams: readonly { readonly service: string; readonly upstream: string }[]
  readonly acknowledged: readonly string[]
  readonly missing: readonly string[]
}

export const drainedUpstream = z
  .string()
  .register(flag, { help: 'origin of the upstream, such as http://orders-1:8080' })

export const drainedService = z
  .string()
  .optional()
  .register(flag, { value: 'id', help: 'only the upstream of this service; default: of every service that has it' })

export const drainExitCodes = {
  [exitCodes.done]: 'every node has applied the change',
  [exitCodes.invalid]: 'refused: unknown upstream, missing scope, or a node without a cluster',
  ...adminUnreachable,
  [exitCodes.partly]: 'some nodes have not applied the change, and do so when they have contact to Redis again',
}

/** Prints the nodes that have applied a change of upstream drains. @returns exit code */
export function printDrain(document: object, output: Output): number {
  const { acknowledged, missing } = document as DrainDocument
  if (acknowledged.length > 0) output.line(`Nodes that have applied the change: ${acknowledged.join(', ')}.`)
  if (missing.length > 0) {
    output.line(`Nodes that have not, and apply it when they reach Redis again: ${missing.join(', ')}.`)
  }
  output.document(document)
  return missing.length === 0 ? exitCodes.done : exitCodes.partly
}

/** Returns the names of the services whose upstream was drained, for a line of output. */
export function servicesText(document: object): string {
  return (document as DrainDocument).upstreams.map(({ service }) => service).join(', ')
}
