import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { callAdmin, documentOf } from './admin-call.ts'
import { expectEqual, expectTrue } from './expect.ts'
import type { TourStep } from './tour-step.ts'
import type { TourAnswer, Tourist } from './tourist.ts'

const keptWithinMs = 5000

interface Span {
  readonly span_id: string
  readonly parent_id: string | null
  readonly kind: string
  readonly attributes: Readonly<Record<string, unknown>>
}

/** What `gatehouse traces` shows: at any node, of all nodes. */
export const traces: readonly TourStep[] = [
  {
    title: "a client's trace goes on through gate and service, and a refused request's trace says why",
    run: async (tourist) => {
      const ops = await tourist.token({ client: 'ops', scope: 'gatehouse:read' })
      const token = await tourist.token({ client: 'reader' })
      const admitted = await visit(tourist, token)
      const refused = await visit(tourist)

      const [server, upstream] = await spansOf(tourist, ops, admitted.trace)
      const [seen] = await tourist.seen(admitted.answer.marker)
      const told = seen?.headers.find(([name]) => name === 'traceparent')?.[1]
      expectEqual("parent of the gate's span", server?.parent_id, admitted.span)
      expectEqual('parent of the call of the service', upstream?.parent_id, server?.span_id)
      expectEqual('traceparent that the service got', told, `00-${admitted.trace}-${upstream?.span_id}-01`)

      const [why, nobody] = await spansOf(tourist, ops, refused.trace)
      const { 'gatehouse.decision': decision, 'gatehouse.reason': reason } = why?.attributes ?? {}
      expectEqual('what the trace of the refused says', [decision, reason], ['refused', 'credential-missing'])
      expectTrue('that it called no service', nobody === undefined)
    },
  },
]

interface Traced {
  readonly trace: string
  readonly span: string
  readonly answer: TourAnswer
}

async function visit(tourist: Tourist, token?: string): Promise<Traced> {
  const [trace, span] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')]
  const fields = { traceparent: `00-${trace}-${span}-01` }
  const answer = await tourist.visit({ method: 'GET', target: '/orders/traced', fields, ...(token && { token }) })
  expectEqual('status', answer.status, token === undefined ? 401 : 200)
  tourist.noteExchange(answer)
  return { trace, span, answer }
}

/** The gate's own span, and that of the call of the service. Nodes write what they recorded twice a second. */
async function spansOf({ ports }: Tourist, token: string, trace: string): Promise<(Span | undefined)[]> {
  const deadlineMs = performance.now() + keptWithinMs
  for (;;) {
    const reply = await callAdmin({ port: ports.admin[0], target: `/api/v1/traces/${trace}`, token })
    if (reply.status !== 200 && performance.now() < deadlineMs) {
      await sleep(100)
      continue
    }
    expectEqual('status of the trace', reply.status, 200)
    const { spans } = documentOf(reply) as { spans: readonly Span[] }
    return ['server', 'client'].map((kind) => spans.find((span) => span.kind === kind))
  }
}
