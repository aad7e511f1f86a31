import { beforeAll, expect, test } from 'vitest'
import { fc, propertyRuns } from '../kit/properties.ts'
import { type Attack, GateUnderAttack } from './gate-under-attack.ts'
import { nginxHere, nginxUpstream } from './nginx-upstream.ts'

// For every target, the gate and the service read the same path, or the gate rejects the request
// (docs/design/attack-cases.md, "Paths and hosts").

const batch = 50

/** Pieces of a target that end a segment, escape a character or have a meaning for some parser. */
const nasty = [
  ...['.', '..', '...', '%2e', '%2E', '%2e%2e', '.%2e', ';', '%3b', ';x=1', '#', '?', '', '/'],
  ...['%2f', '%2F', '%5c', '%5C', '\\', '%252f', '%252e', '%25', '%23', '%3f', '%3F', '%20', '+', '%2b'],
  ...['%00', '%0a', '%0d', '%09', '%7f', '%', '%z', '%4', '%u002e', '%%32%65', '%c0%ae', '%c0%af', '%e0%80%af'],
  ...['%ff', '%ed%a0%80', '%c3', '%c3%a9', '%C3%A9', '%e2%82%ac', '%f0%9f%98%80', '%ef%bc%8f', '%e2%80%ae'],
  ...['\xc3\xa9', '\xff', '\xef\xbc\x8f', '\x7f', '<', '>', '"', '{', '}', '^', '`', '|', '[', ']', '*', '@', ':'],
]
const harmless = [
  'a',
  'Z',
  '0',
  'admin',
  'public',
  'ADMIN',
  '%61',
  '%7e',
  '~',
  '-',
  '_',
  '=',
  '&',
  '$',
  '!',
  "'",
  '(',
  ',',
]

const piece = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...harmless) },
  { weight: 1, arbitrary: fc.constantFrom(...nasty) },
)
const segment = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join(''))
const query = fc.option(
  fc.array(fc.constantFrom(...harmless, ...nasty, '?', '/'), { maxLength: 4 }).map((one) => one.join('')),
)
const target = fc
  .tuple(fc.array(segment, { minLength: 1, maxLength: 5 }), query)
  .map(([segments, after]) => `/${segments.join('/')}${after === null ? '' : `?${after}`}`)

/** Sends all targets. Expects that a rejected target reaches no service. @returns the number of admitted targets */
async function sendAll(
  gate: GateUnderAttack,
  targets: readonly string[],
  compare: (target: string, attack: Attack) => void,
) {
  const attacks = targets.map((one) => (host: string) => `GET ${one} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  let admitted = 0
  for (const [index, attack] of (await gate.attackAll(attacks)).entries()) {
    expect(attack.replies).toHaveLength(1)
    if (attack.records.length === 1 && attack.records[0]!['decision'] === 'admitted') {
      admitted++
      compare(targets[index]!, attack)
      continue
    }
    expect([400, 505]).toContain(attack.replies[0]!.status)
    expect(attack.requests).toEqual([])
  }
  return admitted
}

const everything = [{ id: 'everything', match: { path: '/**' }, require: 'public' }]
const pathOf = (text: string) => text.replace(/\?.*$/s, '')
const queryOf = (text: string) => (text.includes('?') ? text.slice(text.indexOf('?')) : '')
/** Percent-decodes a path once; each byte becomes one character. */
const decoded = (path: string) =>
  path.replaceAll(/%([0-9a-f]{2})/gi, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))

let gate: GateUnderAttack
beforeAll(async () => {
  gate = await GateUnderAttack.start({ ordersEntry: { routes: everything } })
})

test(`S-034 for ${propertyRuns} targets, a node:http service receives the path that the gate authorized`, async () => {
  let admitted = 0
  await fc.assert(
    fc.asyncProperty(fc.array(target, { minLength: batch, maxLength: batch }), async (targets) => {
      admitted += await sendAll(gate, targets, (sent, { records, requests }) => {
        const path = String(records[0]!['path'])

        expect(requests.map(({ url }) => url)).toEqual([path + queryOf(sent)])
        // The normal form of a path decodes to the same bytes as the sent path, and has no unnecessary escapes.
        expect(decoded(path)).toBe(decoded(pathOf(sent)))
        expect(path).not.toMatch(/%(?:2[DE]|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])/)
        expect(path).not.toMatch(/%[0-9A-F]?[a-f]|%2F|%5C|\/\/|\/\.{1,2}(?:\/|$)|[\\;#<>"{}^`]/)
      })
    }),
    { numRuns: Math.ceil(propertyRuns / batch) },
  )

  // Without this check the property would also hold if no target was admitted.
  expect(admitted).toBeGreaterThan(propertyRuns / 10)
})

const nginx = nginxHere()

test.skipIf(nginx === undefined)(
  `S-034 for ${propertyRuns} targets, nginx resolves the same path that the gate authorized`,
  async () => {
    const port = await nginxUpstream(nginx!)
    const upstreams = [`http://127.0.0.1:${port}`]
    const before = await GateUnderAttack.start({
      services: { nginx: { upstreams, routes: [{ ...everything[0], match: { path: '/**', host: '*.test' } }] } },
    })
    let admitted = 0
    await fc.assert(
      fc.asyncProperty(fc.array(target, { minLength: batch, maxLength: batch }), async (targets) => {
        admitted += await sendAll(before, targets, (sent, { records, replies }) => {
          const path = String(records[0]!['path'])
          // A target that nginx rejects has no second reading that could be compared.
          if (replies[0]!.status === 400) return
          const [asked, resolved] = replies[0]!.body.toString('latin1').split('\n')

          expect(asked).toBe(path + queryOf(sent))
          expect(resolved).toBe(decoded(path))
        })
      }),
      { numRuns: Math.ceil(propertyRuns / batch) },
    )

    expect(admitted).toBeGreaterThan(propertyRuns / 10)
  },
)
