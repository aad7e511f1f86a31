import { z } from 'zod'
import { nearest } from '../../base/nearest.ts'
import { type Reason, reasons } from '../../base/reasons.ts'

const reasonNames = Object.keys(reasons) as [Reason, ...Reason[]]

/** Name in the message only the most similar reason, because the list of all reasons would fill a page. */
function reasonError(input: unknown): string {
  const meant = typeof input === 'string' ? nearest(input, reasonNames) : undefined
  return `must be a reason from docs/reference/reasons.md${meant === undefined ? '' : `, such as ${meant}`}`
}

const claims = z.record(z.string(), z.json())

const fields = z.record(
  z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, { error: 'must be a field name (RFC 9110 §5.6.2)' }),
  z.union([z.string(), z.array(z.string()).min(1)]),
)

const request = z
  .strictObject({
    method: z.string().min(1).prefault('GET').describe('Method. Default GET.'),
    url: z
      .string()
      .min(1)
      .describe('URL as the client sends it: a path, or an origin with a path, such as https://api.example/orders/7.'),
    headers: fields
      .prefault({})
      .describe('Header fields in addition to Host and the credential. A list states a field several times.'),
    address: z.string().min(1).prefault('127.0.0.1').describe('IP address of the client. Default 127.0.0.1.'),
    at: z.iso
      .datetime({ offset: true, error: 'must be a time such as 2030-01-31T12:00:00Z (RFC 3339)' })
      .transform((text) => Date.parse(text))
      .optional()
      .describe('Time of the request, for requirements on time (RFC 3339). Default: now.'),
  })
  .describe('The request of the test.')

const expectation = z
  .strictObject({
    status: z
      .int()
      .min(100)
      .max(599)
      .optional()
      .describe('Status of the reply of the gate; 200 for a request that the gate would forward.'),
    reason: z
      .enum(reasonNames, { error: ({ input }) => reasonError(input) })
      .optional()
      .describe('Reason of the decision, from docs/reference/reasons.md; `admitted` for a forwarded request.'),
    route: z
      .union([z.string(), z.null()])
      .optional()
      .describe('Id of the route that the request matches; `null` when it must match none.'),
  })
  .refine((expected) => Object.values(expected).some((each) => each !== undefined), {
    error: 'must state status, reason or route',
  })
  .describe('The expected decision: one or more of status, reason and route.')

const policyTest = z
  .strictObject({
    name: z.string().min(1).max(200).describe('Name of the test, for messages.'),
    request,
    token: claims
      .optional()
      .describe(
        'Claims of the access token. Absent claims get defaults: `iss` and `aud` of the issuer of the route, `sub` test, ' +
          '`iat` the time of the request, and an `exp` after it. There is no default scope, role or `acr`. A token with ' +
          '`cnf` counts as proven. Default: no token.',
      ),
    session: claims
      .optional()
      .describe(
        'Claims of the login session, for its access token and its ID token, with the defaults of `token`. A page of the ' +
          'same origin sends the request, unless `headers` has Origin or Sec-Fetch-Site. Default: no session.',
      ),
    expect: expectation,
  })
  .refine(({ token, session }) => token === undefined || session === undefined, {
    error: 'must have token or session, not both',
  })

/** Schema of a file of policy tests, for `gatehouse check --tests`. */
export const policyTestsSchema = z.strictObject({
  tests: z
    .array(policyTest)
    .min(1)
    .max(10_000)
    .describe('Tests of a policy. Each test states one request and the decision that the policy must make.'),
})

export type PolicyTest = z.output<typeof policyTest>
