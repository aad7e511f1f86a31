import type { Evidence, LoadExchange } from './evidence.ts'
import type { ServedRequest } from './ledger.ts'
import { worldLimits } from './world-policy.ts'

/** Facts about a row, for the invariants. */
export interface RowFacts {
  readonly evidence: Evidence
  /** Requests that reached a service, and whose audit record reached no sink in the stated time. */
  readonly unrecorded: readonly ServedRequest[]
  /** Audit records that the nodes counted as lost during the row. */
  readonly countedLosses: number
  /** Time at which nodes were killed in the row, Unix ms, by name. */
  readonly killedMs: ReadonlyMap<string, number>
  /** Names of the nodes whose clock was shifted, and `issuer`. Their clocks decide what is expired. */
  readonly shifted: ReadonlySet<string>
  /** Parts that were not well again in the stated time. */
  readonly unwell: readonly string[]
  /** How many times a limit may be used in one window: 1, or more where docs/guide/limits.md says so. */
  readonly limitTimes: Readonly<Record<keyof typeof worldLimits, number>>
}

/** A property of the gate that every fault must leave true. */
export interface Invariant {
  readonly name: string
  /** Returns one text for each violation. */
  check(facts: RowFacts): readonly string[]
}

const texts = (exchanges: readonly LoadExchange[]): readonly string[] =>
  exchanges.map(({ kind, node, subject, status, code, startedMs, forbidden }) =>
    [kind, node, subject, status, code, `at ${new Date(startedMs).toISOString()}`, forbidden].filter(Boolean).join(' '),
  )

const admitted = ({ status }: LoadExchange): boolean => status >= 200 && status < 300

/** Requests with a valid credential. */
const knownKinds = new Set(['orders', 'upload', 'audited', 'opaque', 'app', 'exact', 'leased'])

/**
 * Time before the end of a killed node from which records may be missing, ms: docs/guide/audit.md states 200 ms, and
 * 700 ms while Redis is slow. The rest is the time between the arrival at the service and the record: `first_byte`.
 */
const KILLED_TAIL_MS = 2700

export const invariants: readonly Invariant[] = [
  {
    name: 'no request admitted after a receipt',
    check: ({ evidence }) => texts(evidence.exchanges.filter((each) => each.kind === 'revoked' && admitted(each))),
  },
  {
    name: 'no token accepted past exp',
    check: ({ evidence }) =>
      texts(
        evidence.exchanges.filter((each) => each.kind === 'expired' && each.forbidden !== undefined && admitted(each)),
      ),
  },
  {
    name: 'no limit exceeded',
    check: ({ evidence, limitTimes }) =>
      (Object.keys(worldLimits) as (keyof typeof worldLimits)[]).flatMap((kind) => {
        const most = worldLimits[kind].requests * limitTimes[kind]
        const found = fullestWindow(evidence.exchanges, kind)
        return found <= most
          ? []
          : [`${kind}: ${found} requests in ${worldLimits[kind].windowMs} ms, at most ${most} allowed`]
      }),
  },
  { name: 'no session lost', check: ({ evidence }) => evidence.lostSessions },
  {
    name: 'no audit record lost uncounted',
    check: ({ unrecorded, countedLosses, killedMs }) => {
      const missing = unrecorded.filter(({ node, atMs }) => !(atMs > (killedMs.get(node) ?? Infinity) - KILLED_TAIL_MS))
      if (missing.length <= countedLosses) return []
      return missing.map(({ id, path, atMs }) => `${id} ${path} at ${new Date(atMs).toISOString()}`)
    },
  },
  {
    name: 'no forbidden message relayed',
    check: ({ evidence }) => evidence.forbiddenMessages.map(({ node, what }) => `${node}: ${what}`),
  },
  {
    name: 'every 5xx has a reason',
    check: ({ evidence }) => texts(evidence.exchanges.filter(({ status, code }) => status >= 500 && code === '')),
  },
  {
    name: 'no valid credential called invalid',
    check: ({ evidence, shifted }) =>
      texts(
        evidence.exchanges.filter(
          ({ kind, node, status, subject }) =>
            knownKinds.has(kind) &&
            !subject.startsWith('victim') &&
            (status === 401 || status === 403 || status === 303) &&
            !shifted.has(node) &&
            !shifted.has('issuer'),
        ),
      ),
  },
  { name: 'well again in time', check: ({ unwell }) => unwell },
]

/**
 * Largest number of requests that were certainly admitted within one window. A request is admitted between its start and
 * its arrival at the service. Both times are whole milliseconds, so an interval of exactly one window may be longer.
 */
export function fullestWindow(exchanges: readonly LoadExchange[], kind: keyof typeof worldLimits): number {
  const { windowMs } = worldLimits[kind]
  const within = exchanges.filter((each) => each.kind === kind && each.servedMs !== undefined)
  return within.reduce((most, { startedMs }) => {
    const count = within.filter((each) => each.startedMs >= startedMs && each.servedMs! < startedMs + windowMs).length
    return Math.max(most, count)
  }, 0)
}
