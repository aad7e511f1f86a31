import { Readable } from 'node:stream'
import { beforeAll, expect, test } from 'vitest'
import { Http1Target } from '../../gateway/upstream/http1-target.ts'
import type { UpstreamTarget } from '../../gateway/upstream/target.ts'
import { fc, propertyRuns } from '../kit/properties.ts'
import { UndiciTarget } from '../kit/undici/undici-target.ts'
import { startUpstream } from '../kit/upstream.ts'
import { type CallLog, called, send } from '../unit/upstream/call-log.ts'
import { replyCorpus } from './reply-corpus.ts'
import { ScriptedReplies, type ScriptedReply } from './scripted-replies.ts'

// The gate's own client must read every reply as undici does, whose parser (llhttp) is independent. Each intended
// difference is listed in `differences`.

let replies: ScriptedReplies
let own: Client
let undici: Client

beforeAll(async () => {
  replies = await ScriptedReplies.start()
  own = new Http1Target(new URL(replies.url), 5000, 1024)
  undici = new UndiciTarget(new URL(replies.url), 5000, 1024)
})

/** Common interface of both clients: both send requests. Only the gate's own client also requests upgrades. */
type Client = Pick<UpstreamTarget, 'send'>

interface Outcome {
  readonly head: unknown
  readonly body: string
  readonly ending: string
}

async function outcome(target: Client, script: ScriptedReply, method: string): Promise<Outcome> {
  const log = send(target, { method, target: replies.add(script) })
  await log.over()
  return { head: headOf(log), body: log.body, ending: log.fault?.reason ?? 'end' }
}

/** Status and fields of a reply. The reason phrase is left out, because undici returns it only for some statuses. */
function headOf(log: CallLog): unknown {
  return log.status === 0 ? undefined : [log.status, ...log.fields]
}

/** Intended differences between the gate's own HTTP client and undici. */
const differences: Readonly<Record<string, (text: string, own: Outcome, undici: Outcome) => boolean>> = {
  // RFC 9110 §15.2: a client must be able to parse an unsolicited 1xx. undici treats an unsolicited 100 as an error.
  'an unsolicited 100 is skipped': (text, _own, undici) =>
    /HTTP\/1\.1 100[ \r]/.test(text) && undici.ending !== 'end' && undici.head === undefined,
  // llhttp, the parser of undici, skips line ends before a status line and accepts HTTP/0.9 and HTTP/2.0 in this form.
  'a status line must start with HTTP/1.0 or HTTP/1.1': (text, own) =>
    own.head === undefined &&
    own.ending !== 'end' &&
    /^(?:HTTP\/1\.[01] 1\d\d[\s\S]*?\r\n\r\n)*(?!HTTP\/1\.[01] )/.test(text),
  'a line must end with CR LF; llhttp also accepts two CR': (text, own) =>
    own.head === undefined && own.ending !== 'end' && text.includes('\r\r'),
  // RFC 9112 §6.1: faulty framing.
  'HTTP/1.0 with Transfer-Encoding is rejected': (text, own) =>
    own.head === undefined && own.ending !== 'end' && /HTTP\/1\.0 [\s\S]*transfer-encoding/i.test(text),
  // RFC 9112 §7.1.1: a client must ignore an unknown chunk extension; undici requires valid syntax.
  'a chunk extension may be any text': (text, own, undici) =>
    undici.ending !== 'end' && own.body.startsWith(undici.body) && /\r\n[0-9a-f]+;/i.test(text),
  // The gate's own client discards all bytes of the read in which it finds a fault, so that a client of the gate more
  // often gets 502 instead of a partial reply.
  'a malformed body may end earlier': (_text, own, undici) =>
    JSON.stringify(own.head) === JSON.stringify(undici.head) &&
    own.ending === undici.ending &&
    own.ending !== 'end' &&
    undici.body.startsWith(own.body),
}

async function differenceOf(script: ScriptedReply, method: string): Promise<string | undefined> {
  const [a, b] = [await outcome(own, script, method), await outcome(undici, script, method)]
  if (JSON.stringify(a) === JSON.stringify(b)) return undefined
  const text = Buffer.concat(script.pieces).toString('latin1')
  const known = Object.entries(differences).find(([, applies]) => applies(text, a, b))
  if (known === undefined) expect(a, `own client (undici below) of ${method} ${JSON.stringify(text)}`).toEqual(b)
  return known![0]
}

const bytewise = (bytes: Buffer) => Array.from(bytes, (_, at) => bytes.subarray(at, at + 1))

test.each(['fin', 'rst'] as const)(
  'the HTTP client of the gate and undici parse known replies alike, in one piece and byte by byte, ended by %s',
  async (ending) => {
    const seen = new Set<string | undefined>()
    for (const text of replyCorpus) {
      const bytes = Buffer.from(text, 'latin1')
      for (const pieces of [[bytes], bytewise(bytes)]) {
        for (const method of ['GET', 'HEAD']) seen.add(await differenceOf({ pieces, ending }, method))
      }
    }
    // If no reply shows a difference any more, remove the difference from the list.
    if (ending === 'fin') expect([...seen].sort()).toEqual([...Object.keys(differences), undefined].sort())
  },
)

/** Positions at which a reply is split into pieces, so that parsers must keep their state. The list can be empty. */
const cuts = fc.oneof(fc.constant([]), fc.array(fc.nat(), { maxLength: 4 }))

/** Texts that caused faults in parsers. */
const bait = fc.constantFrom(
  ...[
    '\r',
    '\n',
    '\r\n',
    '\r\n\r\n',
    '\0',
    '\t',
    ' ',
    ':',
    ';',
    ',',
    '-',
    '+',
    '0',
    '1',
    '9',
    'f',
    'g',
    '\x7f',
    '\x80',
    '\xff',
  ],
  ...['Content-Length: 3\r\n', 'content-length:1\r\n', 'Transfer-Encoding: chunked\r\n', 'Transfer-Encoding:\r\n'],
  ...[
    'Connection: close\r\n',
    'chunked',
    ' chunked',
    '0\r\n\r\n',
    '5\r\nhello\r\n',
    'HTTP/1.1 ',
    'HTTP/1.1 200 OK\r\n',
  ],
)
interface Edit {
  readonly at: number
  readonly cut: number
  readonly put: string
}
const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.nat(),
  cut: fc.constantFrom(0, 0, 1, 1, 2, 8),
  put: fc.oneof(fc.constant(''), bait, fc.string({ maxLength: 2, unit: 'binary-ascii' })),
})

function edited(text: string, edits: readonly Edit[]): string {
  return edits.reduce((now, { at, cut, put }) => {
    const from = at % (now.length + 1)
    return now.slice(0, from) + put + now.slice(from + cut)
  }, text)
}

function pieces(text: string, cuts: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text, 'latin1')
  const offsets = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  return [...offsets, bytes.length]
    .map((offset, n) => bytes.subarray(offsets[n - 1] ?? 0, offset))
    .filter((p) => p.length > 0)
}

test('the HTTP client of the gate and undici parse generated replies alike when they are split at random places', async () => {
  const reply = fc.record({
    text: fc
      .tuple(fc.constantFrom(...replyCorpus), fc.array(edit, { maxLength: 3 }))
      .map(([text, edits]) => edited(text, edits)),
    cuts,
    ending: fc.constantFrom<'fin' | 'rst'>('fin', 'fin', 'fin', 'rst'),
    method: fc.constantFrom('GET', 'GET', 'HEAD'),
  })
  await fc.assert(
    fc.asyncProperty(reply, async ({ text, cuts, ending, method }) => {
      await differenceOf({ pieces: pieces(text, cuts), ending }, method)
    }),
    { numRuns: propertyRuns },
  )
})

test('request bodies arrive complete and with the same framing through the HTTP client of the gate and through undici', async () => {
  const upstream = await startUpstream()
  const url = new URL(upstream.url)
  const clients = [new Http1Target(url, 5000, 1024), new UndiciTarget(url, 5000, 1024)]
  const upload = fc.record({
    bytes: fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 300 }),
      fc.uint8Array({ minLength: 20_000, maxLength: 60_000, size: 'max' }),
    ),
    cuts,
    chunked: fc.boolean(),
    method: fc.constantFrom('POST', 'PUT', 'PATCH', 'DELETE', 'GET'),
    late: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(upload, async ({ bytes, cuts, chunked, method, late }) => {
      const arrived: unknown[] = []
      for (const client of clients) {
        const body = Readable.from(slowly(pieces(Buffer.from(bytes).toString('latin1'), cuts), late), {
          objectMode: false,
        })
        const fields = ['host', 'api.test', 'x-a', 'b', ...(chunked ? [] : ['content-length', String(bytes.length)])]
        const log = await called(client, { method, target: '/u?v=w', fields, body })
        expect(log).toMatchObject({ status: 200, fault: undefined })
        const received = await upstream.next()
        expect(received.body.equals(bytes)).toBe(true)
        arrived.push([received.method, received.url, received.bodyBytes, [...received.fields].sort()])
      }
      expect(arrived[0]).toEqual(arrived[1])
    }),
    { numRuns: Math.ceil(propertyRuns / 3) },
  )
  expect(upstream.malformed).toEqual([])
})

async function* slowly(parts: readonly Buffer[], late: boolean): AsyncGenerator<Buffer> {
  for (const part of parts) {
    if (late) await new Promise((turn) => setImmediate(turn))
    yield part
  }
}
