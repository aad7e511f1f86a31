import type { Reason } from '../../base/reasons.ts'

/**
 * Reasons with which an exchange ends outside of its phases: the service's response, the listener or a timer ends it,
 * or a failure that no phase names.
 */
export const endReasons = [
  'admitted',
  'reply-broken',
  'client-gone',
  'trailer-after-body',
  'reader-stalled',
  'upload-stalled',
  'body-too-large',
  'exchange-timeout',
  'node-stopped',
  'node-fault',
] as const satisfies readonly Reason[]

export type EndReason = (typeof endReasons)[number]
