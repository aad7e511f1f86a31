import type { Answer } from '../exchange/answer.ts'
import type { Recorded } from '../exchange/exchange.ts'
import { phase } from '../exchange/phase.ts'

/**
 * Answers OPTIONS with `Max-Forwards: 0` as the final recipient (RFC 9110 §7.6.2, §9.3.7). The reply is 200 with
 * `Allow`. Runs after authorization, so a client that is not allowed to send OPTIONS to the service is refused as
 * usual. Synchronous.
 */
export const answerMaxForwards = phase<Recorded, Recorded>()({
  name: 'answer-max-forwards',
  waits: false,
  denies: [],
  answers: ['answered'],
  run(x) {
    return x.head.maxForwards === 0 ? allowedMethods(x) : undefined
  },
})

function allowedMethods({ runtime, host, path }: Recorded): Answer<'answered'> {
  const allow = runtime.snapshot.methodsAt(host, path)
  return { answer: true, reason: 'answered', status: 200, fields: [['allow', allow]], body: '' }
}
