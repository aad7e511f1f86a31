import type { ReceivedRequest } from './upstream.ts'

/** Claims of the identity assertion in a request that a service received. Does not verify the signature. */
export function readAssertion(request: ReceivedRequest): Readonly<Record<string, unknown>> {
  const [assertion] = request.all('x-gatehouse-jwt-assertion')
  if (assertion === undefined) throw new Error('the request has no identity assertion')
  return JSON.parse(Buffer.from(assertion.split('.')[1]!, 'base64url').toString())
}
