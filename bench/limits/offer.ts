import { setTimeout as sleep } from 'node:timers/promises'
import { getRequest, KeepAliveConnection } from '../harness/connection.ts'
import type { LoadTarget } from '../harness/drive.ts'
import { monotonicUs } from './clock.ts'

export interface OfferOptions {
  /** Name of the row, sent as first path segment. The second segment is the time of sending. */
  readonly row: string
  /** Mean number of requests per second. Each request is sent at a random time, independent of earlier replies. */
  readonly perSecond: number
  readonly seconds: number
  /**
   * Share of the requests that go to the first node only; the remaining requests are distributed evenly over all nodes.
   * 0: even load.
   */
  readonly firstPart: number
}

export interface Offered {
  /** Times at which requests were sent, µs of `monotonicUs`, ascending. */
  readonly sentUs: readonly number[]
  /**
   * Share of the due requests that were sent. Far below 1, the machine cannot sustain the rate, and the run ended
   * early.
   */
  readonly sentPart: number
  readonly admitted: number
  /**
   * Number of replies per status other than 200 (admitted) and 429 (rejected by the limit). Key `failed`: requests
   * without a reply.
   */
  readonly others: Readonly<Record<string, number>>
}

/** Keep-alive connections per node. */
const CONNECTIONS = 48
/** Longest wait for outstanding replies after the last request was sent, ms. */
const PATIENCE_MS = 5000
/** Time from the start of a run during which the run does not end early, even if too few due requests are sent, µs. */
const WARM_US = 2e6
/** Minimum share of due requests that must be sent. With a lower share the run ends early. */
const SENT_MIN = 0.7

/**
 * Sends requests to several nodes from one thread. Checks every 1 ms which requests are due. A due request waits for a
 * free connection until the end of the run. The number of sent requests therefore shows whether the machine sustains
 * the rate.
 */
export async function offer(nodes: readonly LoadTarget[], options: OfferOptions): Promise<Offered> {
  const { row, perSecond, seconds, firstPart } = options
  const idle = await Promise.all(
    nodes.map(({ port }) => Promise.all(Array.from({ length: CONNECTIONS }, () => KeepAliveConnection.open(port)))),
  )
  const opened = idle.flat()
  const due = nodes.map(() => 0)
  const sentUs: number[] = []
  const others: Record<string, number> = {}
  let [admitted, open, over] = [0, 0, false]
  const startUs = monotonicUs()
  const endUs = startUs + seconds * 1e6

  const send = (node: number, connection: KeepAliveConnection): void => {
    const nowUs = monotonicUs()
    due[node]!--
    open++
    sentUs.push(nowUs)
    connection.ask(getRequest(`/${row}/${Math.round(nowUs)}`)).then(
      ({ status }) => {
        if (status === 200) admitted++
        else if (status !== 429) others[status] = (others[status] ?? 0) + 1
        open--
        give(node, connection)
      },
      () => {
        others['failed'] = (others['failed'] ?? 0) + 1
        open--
      },
    )
  }

  const give = (node: number, connection: KeepAliveConnection): void => {
    if (due[node]! > 0 && !over) send(node, connection)
    else idle[node]!.push(connection)
  }
  /** Sends a due request on a free connection. Opens a new connection when the gate has closed an idle one. */
  const use = (node: number): void => {
    for (let free = idle[node]!.pop(); free !== undefined; free = idle[node]!.pop()) {
      if (free.open) {
        send(node, free)
        return
      }
      KeepAliveConnection.open(nodes[node]!.port).then(
        (another) => {
          opened.push(another)
          give(node, another)
        },
        () => undefined,
      )
    }
  }

  let everDue = 0
  const behind = (nowUs: number): boolean => nowUs - startUs > WARM_US && sentUs.length < SENT_MIN * everDue
  let nextUs = startUs
  for (let nowUs = startUs; nowUs < endUs && !behind(nowUs); nowUs = monotonicUs()) {
    while (nextUs <= nowUs) {
      nextUs -= (Math.log(1 - Math.random()) * 1e6) / perSecond
      const node = Math.random() < firstPart ? 0 : Math.floor(Math.random() * nodes.length)
      due[node]!++
      everDue++
      use(node)
    }
    await sleep(1)
  }
  over = true
  const patienceMs = performance.now() + PATIENCE_MS
  while (open > 0 && performance.now() < patienceMs) await sleep(10)
  for (const connection of opened) connection.close()
  if (open > 0) others['failed'] = (others['failed'] ?? 0) + open
  return { sentUs, sentPart: sentUs.length / everDue, admitted, others }
}
