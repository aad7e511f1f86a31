import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { publicPolicy, residentMiB } from '../integration/data-plane-node.ts'
import { scriptedReplies } from '../integration/upstream-script.ts'
import { startNodeProcess } from '../kit/node.ts'
import { exchange, requestBytes } from '../kit/raw-client.ts'
import { rawUpstream } from '../kit/raw-upstream.ts'

// S-139: a service never completes a reply. Clients get 502, 504 or a truncated reply, and the gate frees the upstream
// slot. Each test sends more requests than there are slots, and then the gate still calls the service. (Malformed
// replies: test/integration/upstream-malformed.)

/** Maximum number of concurrent calls to the upstream (`max_calls`). One client gets at most three quarters of them. */
const slots = 200
const together = 100

const ok = 'HTTP/1.1 200 OK\r\n'
const upstream = await rawUpstream(
  scriptedReplies({
    good: { bytes: `${ok}Content-Length: 4\r\n\r\ngood` },
    'never-answers': { bytes: '', after: 'silence' },
    'half-a-head': { bytes: `${ok}X-A: a`, after: 'silence' },
    'head-of-1-MB': { bytes: `${ok}X-A: ${'a'.repeat(1024 * 1024)}\r\nContent-Length: 0\r\n\r\n` },
    'endless-fields': async (wire) => {
      await wire.send(ok)
      for (let n = 0; n < 500 && wire.ending === 'open'; n++) await wire.send(`X-${n}: ${'a'.repeat(400)}\r\n`)
    },
    'a-byte-at-a-time': async (wire) => {
      await wire.send(`${ok}Content-Length: 1000\r\n\r\n`)
      for (let n = 0; n < 100 && wire.ending === 'open'; n++) {
        await wire.send('x')
        await sleep(100)
      }
    },
    'stops-in-its-body': { bytes: `${ok}Content-Length: 1000\r\n\r\nhello`, after: 'silence' },
    'hangs-up': { bytes: '', after: 'close' },
  }),
)
const node = await startNodeProcess({
  policy: publicPolicy({
    s: {
      upstreams: [upstream.url],
      entry: {
        max_calls: slots,
        timeouts: { first_byte: '300ms', idle: '300ms', total: '5s' },
        routes: [
          { id: 's', match: { path: '/s/**' }, require: 'public' },
          // The long timeouts ensure that these replies do not end by a timeout on a busy machine.
          ...['head-of-1-MB', 'endless-fields', 'hangs-up', 'good'].map((id) => ({
            id,
            match: { path: `/s/${id}` },
            require: 'public',
            timeouts: { first_byte: '1m', total: '1m' },
          })),
          // The head of these replies is complete, so the gate must end them during the body.
          ...['a-byte-at-a-time', 'stops-in-its-body'].map((id) => ({
            id,
            match: { path: `/s/${id}` },
            require: 'public',
            timeouts: { first_byte: '1m', ...(id === 'stops-in-its-body' && { total: '1m' }) },
          })),
        ],
      },
    },
  }),
})

interface Outcome {
  readonly name: string
  readonly status: number
  readonly complete: boolean
}

test.each<Outcome>([
  { name: 'never-answers', status: 504, complete: true },
  { name: 'half-a-head', status: 504, complete: true },
  { name: 'head-of-1-MB', status: 502, complete: true },
  { name: 'endless-fields', status: 502, complete: true },
  { name: 'a-byte-at-a-time', status: 200, complete: false },
  { name: 'stops-in-its-body', status: 200, complete: false },
  { name: 'hangs-up', status: 502, complete: true },
])(
  'S-139 when a service misbehaves (`$name`), the gate replies $status to clients and frees its upstream slots',
  async ({ name, status, complete }) => {
    const before = residentMiB(node)
    const get = async (target: string) => {
      const { replies } = await exchange(node.port, requestBytes({ target }))
      return replies[0]
    }
    for (let asked = 0; asked < slots + together; asked += together) {
      const replies = await Promise.all(Array.from({ length: together }, () => get(`/s/${name}`)))
      expect(new Set(replies.map((reply) => `${reply?.status} ${reply?.complete}`))).toEqual(
        new Set([`${status} ${complete}`]),
      )
    }

    expect(await get('/s/good')).toMatchObject({ status: 200, text: 'good' })
    expect(residentMiB(node) - before).toBeLessThan(150)
  },
)
