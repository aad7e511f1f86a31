import type { Answer } from '../answer.ts'
import type { Recorded } from '../exchange.ts'
import type { Phase } from '../phase.ts'

/**
 * Answers OPTIONS with `Max-Forwards: 0` as the final recipient, with 200 and `Allow` (RFC 9110 §7.6.2, §9.3.7), instead of
 * forwarding it. Runs after the decision: whoever may not send OPTIONS to the service is refused as for any other request.
 * Synchronous.
 */
export const answerMaxForwards: Phase<Recorded, Recorded> = {
  name: 'answer-max-forwards',
  waits: false,
  run(x) {
    return x.head.maxForwards === 0 ? allowedMethods(x) : undefined
  },
}

function allowedMethods({ runtime, host, path }: Recorded): Answer {
  const allow = runtime.snapshot.methodsAt(host, path)
  return { answer: true, reason: 'answered', status: 200, fields: [['allow', allow]], body: '' }
}
