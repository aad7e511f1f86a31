import { parseAddress } from '../../../gateway/base/addresses.ts'
import type { Downstream } from '../../../gateway/pipeline/exchange/downstream.ts'
import { Exchange } from '../../../gateway/pipeline/exchange/exchange.ts'
import { RequestHead } from '../../../gateway/pipeline/exchange/request-head.ts'
import type { Gate, RequestLimits } from '../../../gateway/pipeline/gate.ts'

export type FieldLine = readonly [name: string, value: string]

interface Request {
  readonly method?: string
  /** Path and query. */
  readonly target?: string
  /**
   * Request fields with names in lower case, as the HTTP listener provides them. A `Host` field is added first if
   * none is given.
   */
  readonly fields?: readonly FieldLine[]
  readonly limits?: Partial<RequestLimits>
  readonly address?: string
  /** Further members of the gate, for the phase under test. */
  readonly gate?: Partial<Gate>
}

const usualLimits: RequestLimits = {
  targetMaxBytes: 8192,
  headMaxBytes: 32 * 1024,
  messageMaxBytes: 1024 * 1024,
  fieldsMax: 98,
}

/** Returns an exchange as the HTTP listener creates it. Its gate has only the members that the first phases read. */
export function exchangeOf(request: Request = {}): Exchange {
  const { method = 'GET', target = '/orders/1', fields = [], limits = {}, address = '192.0.2.1', gate = {} } = request
  const cut = target.indexOf('?')
  const lines = fields.some(([name]) => name === 'host') ? fields : [['host', 'api.test'] as const, ...fields]
  const head = new RequestHead(
    method,
    cut < 0 ? target : target.slice(0, cut),
    cut < 0 ? undefined : target.slice(cut + 1),
    lines.map(([name]) => name),
    lines.map(([, value]) => value),
  )
  const around = { scheme: 'http', limits: { ...usualLimits, ...limits }, ...gate } as Gate
  return new Exchange(around, head, { remoteAddress: parseAddress(address)! } as Downstream)
}
