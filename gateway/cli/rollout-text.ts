import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AdminClient } from './admin-client.ts'
import { CliError, type ExitCode, exitCodes, type Output } from './output.ts'
import { printAcknowledgements, type ReceiptDocument } from './receipt-text.ts'

const PATH = '/api/v1/policy/rollout'
const ASK_EVERY_MS = 1000
/** Time between two lines about the progress of a rollout, ms. */
const LINE_EVERY_MS = 10_000
/** Time (ms) without a reply of the node after which the command ends, but the rollout continues. */
const SILENT_MS = 30_000
/** Exit code of a process that SIGINT (Ctrl-C) ended. */
const INTERRUPTED = 130
/**
 * Minimum number of requests of a route, on the canary nodes and on the other nodes, with which the nodes compare the
 * route.
 */
const REQUESTS_MIN = 100

interface Counts {
  readonly requests: number
  readonly denials: number
  readonly faults: number
}

interface RouteDocument {
  /** Id of the compared route; `null`: requests that match no route which both revisions have. */
  readonly route: string | null
  readonly canary: Counts
  readonly others: Counts
}

/** A running rollout, as the admin API returns it. */
export interface RunningDocument {
  readonly number: number
  readonly base: number
  readonly sequence: number
  readonly author: string
  readonly message: string
  readonly started: string
  readonly left_s: number
  readonly nodes: readonly { readonly node: string; readonly state: string; readonly problem: string | null }[]
  readonly routes: readonly RouteDocument[]
  readonly routes_omitted: number
}

/** The outcome of a rollout, as the admin API returns it. */
export interface OutcomeDocument {
  readonly outcome: 'promoted' | 'withdrawn' | 'undecided' | 'aborted'
  readonly why: string
  readonly number: number
  readonly base: number
  readonly sequence: number
  readonly by: string
  readonly ended: string
}

interface RolloutDocument {
  readonly running: RunningDocument | null
  readonly last: OutcomeDocument | null
}

export async function readRollout(client: AdminClient): Promise<RolloutDocument> {
  return (await client.call('GET', PATH, 'running')).document as unknown as RolloutDocument
}

/** Returns a text that says how a rollout ended, and which revision is active now. */
export function outcomeText({ outcome, why, number, base, by }: OutcomeDocument): string {
  if (outcome === 'promoted') return `Revision ${number} is active on every node (${by}): ${why}.`
  const word =
    outcome === 'undecided' ? 'was withdrawn undecided' : outcome === 'aborted' ? 'was aborted' : 'was withdrawn'
  return `Revision ${number} ${word} (${by}): ${why}. Revision ${base} stayed active.`
}

/** Returns one line about the progress of a rollout. */
export function progressText({ number, left_s, routes, routes_omitted }: RunningDocument): string {
  const compared = routes.filter(({ route, others }) => route !== null && others.requests > 0)
  const sufficient = routes.filter(({ canary, others }) => Math.min(canary.requests, others.requests) >= REQUESTS_MIN)
  const ready = sufficient.filter((row) => compared.includes(row)).length
  const more = routes_omitted === 0 ? '' : `, ${routes_omitted} more routes not shown`
  const [worst] = sufficient.flatMap(differencesOf).toSorted((a, b) => b.percent - a.percent)
  const state = `${ready} of ${compared.length} routes have ${REQUESTS_MIN} requests on each side${more}`
  const difference = worst === undefined ? '' : `; largest difference: ${worst.text}`
  return `revision ${number}, ${leftText(left_s)} left: ${state}${difference}`
}

/** Prints a table of the routes of a rollout, with their requests on both sides. */
export function printRoutes({ routes }: RunningDocument, output: Output): void {
  const cell = ({ requests, denials, faults }: Counts) => `${requests} (${denials} refused, ${faults} faults)`
  output.table(
    ['route', 'canary nodes', 'other nodes'],
    routes.map(({ route, canary, others }) => [route ?? '(all; counts without a route)', cell(canary), cell(others)]),
  )
}

/**
 * Waits for the end of a rollout, and prints its progress.
 *
 * @param begun  number of the activation with which the rollout began
 */
export async function followRollout(
  client: AdminClient,
  begun: { readonly sequence: number; readonly number: number; readonly nodes: readonly string[] },
  output: Output,
): Promise<OutcomeDocument> {
  const { number, nodes } = begun
  const interrupted = () => {
    output.remark(`The rollout of revision ${number} continues. Follow it with \`gatehouse rollout status\`.`)
    process.exit(INTERRUPTED)
  }
  process.once('SIGINT', interrupted)
  output.line('')
  output.line(`Revision ${number} is tried on ${nodes.join(', ')}. Ctrl-C ends this command and not the rollout.`)
  try {
    return await ended(client, begun, output)
  } finally {
    process.off('SIGINT', interrupted)
  }
}

async function ended(
  client: AdminClient,
  { sequence, number }: { readonly sequence: number; readonly number: number },
  output: Output,
): Promise<OutcomeDocument> {
  let heardAt = performance.now()
  let lineAt = performance.now() + LINE_EVERY_MS
  for (;;) {
    await sleep(ASK_EVERY_MS)
    const rollout = await readRollout(client).catch((error: unknown) => {
      const isSilent = error instanceof CliError && error.exitCode === exitCodes.unreachable
      if (!isSilent || performance.now() - heardAt > SILENT_MS) throw error
      return undefined
    })
    if (rollout === undefined) continue
    heardAt = performance.now()
    const { running, last } = rollout
    if (last?.sequence === sequence) return last
    if (running?.sequence !== sequence) {
      const message = `the rollout of revision ${number} has ended, and the cluster no longer knows its result`
      throw new CliError(
        exitCodes.invalid,
        'GH_ROLLOUT_UNKNOWN',
        message,
        '`gatehouse revisions` shows the active revision',
      )
    }
    if (performance.now() < lineAt) continue
    lineAt = performance.now() + LINE_EVERY_MS
    output.line(progressText(running))
  }
}

/** Returns the exit code for the outcome of a rollout. */
export function outcomeCode({ outcome }: OutcomeDocument): ExitCode {
  return outcome === 'promoted' ? exitCodes.done : exitCodes.invalid
}

function differencesOf({
  route,
  canary,
  others,
}: RouteDocument): { readonly percent: number; readonly text: string }[] {
  const where = route === null ? 'requests without a route' : route
  return (['denials', 'faults'] as const).map((measure) => {
    const share = canary[measure] / canary.requests - others[measure] / others.requests
    const percent = Math.round(share * 10_000) / 100
    return { percent, text: `${percent}% more ${measure === 'denials' ? 'refusals' : 'faults'} (${where})` }
  })
}

function leftText(seconds: number): string {
  const left = Math.ceil(seconds)
  return left < 60 ? `${left}s` : `${Math.floor(left / 60)}m${String(left % 60).padStart(2, '0')}s`
}

/** Ends the running rollout, and prints the receipt. */
export async function endRollout(
  client: AdminClient,
  { how, waitMs }: { readonly how: 'promote' | 'abort'; readonly waitMs: number },
  output: Output,
): Promise<ExitCode> {
  const { document } = await client.call('POST', `${PATH}/${how}`, 'rollout', { wait_ms: waitMs })
  const { rollout, receipt } = document as unknown as {
    readonly rollout: OutcomeDocument
    readonly receipt: Pick<ReceiptDocument, 'acknowledged' | 'missing' | 'fenced_by'> & { readonly number: number }
  }
  output.document(document)
  printAcknowledgements(receipt, waitMs > 0, output)
  output.line(outcomeText(rollout))
  if (receipt.missing.length === 0) return exitCodes.done
  const { number, fenced_by } = receipt
  output.line(`Nodes that have not acknowledged enforce revision ${number} from ${fenced_by} on, or reject requests.`)
  return exitCodes.partly
}
