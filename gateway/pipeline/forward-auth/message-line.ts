import type { Denial } from '../../base/denial.ts'
import type { RequestLine } from '../exchange/request-line.ts'

/** Denials of an ext_authz check whose message is unusable, before the checked request is validated. */
export type MessageDenial = Denial<'check-malformed' | 'check-incomplete' | 'check-ambiguous' | 'head-too-large'>

/**
 * Returns the request line in the message of an ext_authz check, or a denial when the message does not contain exactly
 * one request.
 */
export type MessageLine = RequestLine | MessageDenial
