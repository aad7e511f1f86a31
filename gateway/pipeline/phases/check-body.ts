import { denial } from '../../base/denial.ts'
import type { Sized, Upgradable } from '../exchange/exchange.ts'
import { phase } from '../exchange/phase.ts'
import { bodyTooLarge } from '../exchange/size-denials.ts'

const lengthRequired = denial('length-required')

/**
 * Denies 413 when `Content-Length` exceeds the route's limit, before any of the body is read. Denies 411 for a chunked
 * body where the service does not accept one. For a gRPC call, the size of each message is limited instead of the size
 * of the body.
 */
export const checkBody = phase<Upgradable, Sized>()({
  name: 'check-body',
  waits: false,
  denies: ['body-too-large', 'length-required'],
  run({ head, route }) {
    if (head.chunked && route.service.chunked === 'refuse') return lengthRequired
    const { contentLength = 0 } = head
    if (head.grpc || route.maxBodyBytes === undefined || contentLength <= route.maxBodyBytes) return undefined
    return bodyTooLarge(route.maxBodyBytes, contentLength)
  },
})
