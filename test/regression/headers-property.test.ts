import { beforeAll, expect, test } from 'vitest'
import { fc, propertyRuns } from '../kit/properties.ts'
import { requestBytes } from '../kit/raw-client.ts'
import { GateUnderAttack } from './gate-under-attack.ts'

// Client fields that are reserved for the gate reach a service in no spelling. All other fields arrive unless
// `Connection` names them (docs/design/attack-cases.md, "Headers and spoofing").

const statedByGate = [
  ...[
    'x-gatehouse-jwt-assertion',
    'x-gatehouse-subject',
    'x-gatehouse-',
    'x-auth-request-user',
    'x-auth-request-email',
  ],
  ...['x-auth-request-groups', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-prefix'],
  ...['x-forwarded-uri', 'x-forwarded-method', 'x-original-url', 'x-original-method', 'x-rewrite-url', 'x-real-ip'],
  ...[
    'x-http-method-override',
    'x-http-method',
    'x-method-override',
    'x-client-ip',
    'true-client-ip',
    'x-envoy-original-path',
    'x-envoy-',
    'forwarded',
    'client-cert',
    'client-cert-chain',
  ],
  ...['proxy-authorization', 'proxy-connection', 'proxy', 'keep-alive', 'te', 'http2-settings'],
]
const ordinary = [
  ...['accept', 'accept-language', 'user-agent', 'referer', 'range', 'if-match', 'cache-control', 'x-tenant', 'x-b3'],
  ...['x-gatehous', 'x-gatehouse', 'gatehouse-jwt-assertion', 'x-auth-reques', 'x-forwarded', 'x-request-idx'],
  ...[
    'sec-fetch-site',
    'idempotency-key',
    'a',
    'x',
    'xx-forwarded-for',
    'client-cer',
    'prox',
    't',
    'forwarde',
    'hosts',
  ],
]

/**
 * Generates spellings of a name: random case, and for each hyphen a character that CGI maps to the same variable name.
 */
const spelled = (name: string) =>
  fc
    .tuple(
      fc.infiniteStream(
        fc.constantFrom('-', '-', '_', '.', '~', '!', "'", '*', '+', '^', '`', '|', '#', '$', '%', '&'),
      ),
      fc.infiniteStream(fc.boolean()),
    )
    .map(([separators, upper]) =>
      Array.from(name, (letter) => {
        const one = letter === '-' ? separators.next().value : letter
        return upper.next().value ? one.toUpperCase() : one
      }).join(''),
    )
const name = fc.oneof(
  fc.constantFrom(...statedByGate).chain(spelled),
  fc.constantFrom(...ordinary).chain(spelled),
  fc.constantFrom(...ordinary),
)
const filling = fc.constantFrom(
  '',
  ' ',
  '\t',
  ',',
  ';',
  '"',
  '\\',
  '%0d%0a',
  'é'.normalize('NFC'),
  '\xc3\xa9',
  '\xe2\x82\xac',
  '=',
  ': ',
)
const field = fc.tuple(
  name,
  fc.array(filling, { maxLength: 3 }).map((parts) => parts.join('').replaceAll('é', '\xc3\xa9')),
)
const request = fc.record({
  fields: fc.array(field, { maxLength: 30 }),
  /** Members of `Connection`: positions in `fields`, or names of fields that the gate sets. */
  named: fc.array(
    fc.oneof(
      fc.nat(29),
      fc.constantFrom('x-forwarded-for', 'X-Request-Id', 'host', 'Forwarded', 'close', 'keep-alive'),
    ),
    {
      maxLength: 6,
    },
  ),
  /** Position of the field `Connection` among the other fields. */
  at: fc.nat(30),
})

const folded = (one: string) => one.toLowerCase().replaceAll(/[^a-z0-9]/g, '-')

/** Whether the gate may forward a client field with this name. Written independently of the code of the gate. */
function mayTravel(one: string): boolean {
  const plain = folded(one)
  return !(
    statedByGate.includes(plain) ||
    ['x-gatehouse-', 'x-auth-request-', 'x-forwarded-', 'proxy-', 'client-cert'].some((prefix) =>
      plain.startsWith(prefix),
    )
  )
}

let gate: GateUnderAttack
beforeAll(async () => {
  gate = await GateUnderAttack.start()
})

test(`S-035 for ${propertyRuns} field lists, reserved fields come only from the gate, and the service gets all other fields`, async () => {
  const token = gate.token('orders:read')
  await fc.assert(
    fc.asyncProperty(request, async ({ fields, named, at }) => {
      // Mark each value with # at both ends, because white space around a value is not part of it, and no value of the
      // gate has this mark.
      const sent = fields.map(([one, value], index) => [one, `#${index}${value}#`] as const)
      const names = named.map((one) => (typeof one === 'string' ? one : (sent[one]?.[0] ?? 'x-absent')))
      const dropped = new Set(names.map((one) => one.toLowerCase()))
      const connection = names.length === 0 ? [] : ([['Connection', names.join(', ')]] as const)
      const bytes = requestBytes({
        target: '/orders/1',
        token,
        fields: [...sent.slice(0, at), ...connection, ...sent.slice(at)],
      })
      const reply = await gate.ask(bytes)
      const received = gate.orders.requests.at(-1)!
      const arrived = received.fields.filter(([, value]) => /^#\d+.*#$/.test(value))
      const expected = sent
        .filter(([one]) => mayTravel(one) && !dropped.has(one.toLowerCase()))
        .map(([one, value]) => [one.toLowerCase(), value])

      expect(reply.status).toBe(200)
      expect(arrived).toEqual(expected)
      for (const one of ['x-gatehouse-jwt-assertion', 'x-request-id', 'x-forwarded-for', 'forwarded', 'host', 'via']) {
        expect(received.fields.filter(([other]) => folded(other) === one)).toHaveLength(1)
      }
    }),
    { numRuns: propertyRuns },
  )

  expect(gate.orders.malformed).toEqual([])
})
