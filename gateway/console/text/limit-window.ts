import type { InputOf, ReplyOf } from '../api/call.ts'

/** A rate limit window as in the list of limits. */
export type LimitWindow = ReplyOf<'list_limits'>['windows'][number]

export type WindowToReset = InputOf<'reset_limit'>['body']

/** Parts of a window that the call to reset it takes by their names. */
const named = ['issuer', 'subject', 'client', 'session', 'route'] as const

/** Returns the key fields of a window as text: `subject=alice`. */
export function windowText(bucket: LimitWindow['bucket']): string {
  return Object.entries(bucket)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
    .join(' ')
}

/**
 * Returns the call that resets a window; `undefined` when the call cannot name it: for requests that lack a key field,
 * such as the subject, and for values of more than 256 characters, of which the gate keeps only a hash.
 */
export function windowToReset({ limit, bucket }: Pick<LimitWindow, 'limit' | 'bucket'>): WindowToReset | undefined {
  const body: Record<string, string> = {}
  const claims: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(bucket)) {
    if (name.startsWith('claim ')) claims[name.slice('claim '.length)] = value
    else if (typeof value !== 'string' || value === '') return undefined
    else if (name === 'address') body['address'] = value.replace(/\/64$/, '')
    else if (named.some((known) => known === name)) body[name] = value
    else return undefined
  }
  return { limit, ...body, ...(Object.keys(claims).length > 0 && { claims }) }
}
