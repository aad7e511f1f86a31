import { Command } from 'commander'
import { type AdminClient, adminOption, type SteerFlags, steer } from './admin-client.ts'
import { addHelp } from './help.ts'
import { exitCodes, type Output, outputOption } from './output.ts'

interface Member {
  readonly id: string
  readonly address: string
  readonly version: string
  readonly revision: string
  readonly position: string
  readonly lag_ms: number
}

const unreachable = { [exitCodes.unreachable]: 'no node answers, or the node cannot reach Redis' } as const

/** `gatehouse nodes`: lists the nodes of the cluster and how far each has applied the cluster's events. */
export function nodesCommand(): Command {
  const command = new Command('nodes')
    .description('List the nodes of the cluster')
    .addOption(adminOption())
    .addOption(outputOption())
    .action((flags: SteerFlags) => steer(flags, list))
  addHelp(
    command,
    [
      { run: 'gatehouse nodes', does: 'by the node that GATEHOUSE_ADMIN_URL names' },
      { run: 'gatehouse nodes --admin http://10.0.0.7:9090 --output json', does: 'by another, for scripts' },
    ],
    { [exitCodes.invalid]: 'refused: no such token, no such scope, or a node that stands alone', ...unreachable },
  )
  return command.addCommand(acceptLossCommand())
}

function acceptLossCommand(): Command {
  const command = new Command('accept-loss')
    .description('Let the cluster go on without what Redis has lost: past revocations are given up')
    .addOption(adminOption())
    .addOption(outputOption())
    .action((_: unknown, self: Command) => steer(self.optsWithGlobals<SteerFlags>(), acceptLoss))
  return addHelp(
    command,
    [
      { run: 'gatehouse nodes accept-loss', does: 'when Redis came back empty and no node is ready' },
      { run: 'gatehouse nodes accept-loss --output json', does: 'for scripts' },
    ],
    { [exitCodes.invalid]: 'refused: the node that was asked has lost nothing, or the token may not', ...unreachable },
  )
}

async function list(admin: AdminClient, output: Output): Promise<void> {
  const { document } = await admin.call('GET', '/api/v1/nodes', 'nodes')
  const { nodes } = document as { nodes: readonly Member[] }
  const rows = nodes.map((node) => [
    node.id,
    node.address,
    node.version,
    node.revision,
    node.position,
    `${Math.round(node.lag_ms)} ms`,
  ])
  output.table(['id', 'address', 'version', 'revision', 'position', 'lag'], rows)
  output.document(document)
}

async function acceptLoss(admin: AdminClient, output: Output): Promise<void> {
  const { document } = await admin.call('POST', '/api/v1/nodes/accept-loss', 'accepted')
  output.line('The nodes begin anew. What was revoked before, and is still alive, is admitted again.')
  output.document(document)
}
