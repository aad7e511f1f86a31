// The first key fetches of many issuers do not time out together. At most 16 run concurrently, and the time that a
// fetch waits in the queue is not counted against the issuer's timeout.

import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FetchQueue } from '../../../gateway/issuers/fetch-queue.ts'
import { IssuerKeys } from '../../../gateway/issuers/issuer-keys.ts'
import { rulesOf } from '../oauth/token-text.ts'
import { ecKey, logged, until } from './loopback-issuer.ts'

const document = JSON.stringify({ keys: [ecKey('one').jwk] })
const held: { readonly path: string; readonly response: ServerResponse }[] = []
let answers: (path: string) => boolean
const asked = new Set<string>()
let open = 0
let mostOpen = 0
const server = createServer((request, response) => {
  open++
  mostOpen = Math.max(mostOpen, open)
  response.on('close', () => open--)
  asked.add(request.url!)
  // With this delay, requests that are sent together are open at the same time.
  if (answers(request.url!)) setTimeout(() => response.end(document), 20)
  else held.push({ path: request.url!, response })
})
let keys: IssuerKeys
let lines: ReturnType<typeof logged>['lines']

beforeEach(async () => {
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  asked.clear()
  held.length = 0
  mostOpen = 0
})
afterEach(async () => {
  await keys.close()
  server.closeAllConnections()
  await new Promise((closed) => server.close(closed))
})

function start(timeoutMs: number) {
  const collected = logged()
  lines = collected.lines
  keys = new IssuerKeys({ log: collected.log, timeoutMs })
}

function issuers(count: number) {
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return Array.from({ length: count }, (_, i) =>
    rulesOf({ name: `i${i}`, issuer: `${origin}/${i}`, jwksUri: `${origin}/${i}` }),
  )
}

const succeeded = () => keys.status().filter(({ outcome }) => outcome === 'succeeded').length

test('after a policy is loaded, the key fetches of 300 issuers all succeed, with at most 16 concurrent fetches', async () => {
  answers = () => true
  start(30_000)
  keys.retain(issuers(300))
  await until(() => succeeded() === 300)

  expect(mostOpen).toBeLessThanOrEqual(16)
  expect(lines.filter(({ level }) => level === 'warn')).toEqual([])
})

test('the time that a key fetch waits in the queue is not counted against the issuer timeout', async () => {
  answers = (path) => Number(path.slice(1)) >= 16
  start(5_000)
  keys.retain(issuers(24))
  await until(() => keys.status().every(({ outcome }) => outcome !== undefined))

  expect(keys.status().map(({ outcome }) => outcome)).toEqual([
    ...Array.from({ length: 16 }, () => 'failed'),
    ...Array.from({ length: 8 }, () => 'succeeded'),
  ])
})

test('a key fetch that a token waits for runs before the queued key fetches that the loading of a policy started', async () => {
  answers = (path) => path === '/20'
  start(60_000)
  const all = issuers(24)
  keys.retain(all)
  await until(() => held.length === 16)

  expect(await keys.keySetOf(all[20]!).refetch()).toBe('succeeded')
  expect(asked.size).toBe(17)
})

test('retries of unresponsive issuers use at most 8 slots, so that key fetches from other issuers begin at once', () => {
  const queue = new FetchQueue()
  const retries = Array.from({ length: 40 }, () => queue.enter('retry'))
  const refreshes = Array.from({ length: 9 }, () => queue.enter('refresh'))
  const begun = (slots: typeof retries) => slots.filter((each) => each.begun).length

  expect([begun(retries), begun(refreshes)]).toEqual([8, 8])
  retries[0]!.done()
  expect([begun(retries), begun(refreshes)]).toEqual([8, 9])
  for (const slot of refreshes) slot.done()
  expect(begun(retries)).toBe(9)
  retries[39]!.hurry()
  expect(retries[39]!.begun).toBe(true)
})

test('a token stops waiting for a queued key fetch after the issuer timeout, and the status of the issuer shows no failed fetch', async () => {
  answers = () => false
  start(1_000)
  const all = issuers(96)
  // At most 32 fetches run concurrently. Each times out after 1 s, so 64 have started when the tokens stop waiting, and
  // the last of the 96 is still queued.
  const outcomes = all.map((rules) => keys.keySetOf(rules).refetch())

  expect(await outcomes[95]).toBe('failed')
  expect(keys.keySetOf(all[95]!).status()).toMatchObject({ outcome: undefined, error: undefined })
  expect(asked).not.toContain('/95')
  await Promise.all(outcomes)
})

test('a queued key fetch does not call an issuer that a new policy has removed', async () => {
  answers = () => false
  start(60_000)
  const all = issuers(17)
  keys.retain(all)
  await until(() => held.length === 16)
  keys.retain(all.slice(0, 16))
  for (const { response } of held.splice(0)) response.end(document)
  await until(() => succeeded() === 16)

  expect(asked).not.toContain('/16')
})
