import { type Reason, reasons } from './reasons.ts'

export const decisions = ['admitted', 'refused', 'failed', 'answered', 'broken'] as const

export type Decision = (typeof decisions)[number]

/** Outcome of an exchange in one word. `broken`: the request was admitted, but the exchange did not complete. */
export function decisionOf(reason: Reason): Decision {
  switch (reason) {
    case 'admitted':
      return 'admitted'
    case 'answered':
    case 'login-begun':
    case 'login-choice':
    case 'login-switch-asked':
    case 'logged-in':
    case 'login-done-already':
    case 'login-handed-over':
    case 'logout-asked':
    case 'logged-out':
      return 'answered'
    case 'client-gone':
    case 'trailer-after-body':
    case 'node-stopped':
    case 'upload-stalled':
    case 'reader-stalled':
    case 'reply-broken':
    case 'stream-ended':
    case 'stream-ended-by-operator':
    case 'stream-max-age':
    case 'stream-idle':
    case 'message-too-large':
    case 'service-stalled':
      return 'broken'
    case 'upgrade-unsupported':
    case 'overloaded':
      return 'refused'
    default:
      return reasons[reason].status >= 500 ? 'failed' : 'refused'
  }
}
