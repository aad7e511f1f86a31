import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { guard } from '../../deploy/guard.ts'
import { programPath } from '../kit/programs.ts'

// `gatehouse bench`: one scenario runs from its first process to its stored result, and scripts can rely on the exit
// codes.

const entry = fileURLToPath(new URL('../../gateway/cli/gatehouse.mjs', import.meta.url))
const results = mkdtempSync(join(tmpdir(), 'gatehouse-results-'))
afterAll(() => rmSync(results, { recursive: true, force: true }))

function bench(...words: string[]) {
  return run([entry, 'bench', ...words])
}

/** Runs the program that `gatehouse bench` starts, because the start of a process takes most of the time of an error. */
function benchProgram(...words: string[]) {
  return run([programPath('bench'), ...words])
}

async function run(words: string[]) {
  const child = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'pipe'] })
  child.once('close', guard(child.pid!))
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code: child.exitCode, stdout, stderr }
}

test('`gatehouse bench hot` runs one scenario, prints JSON and stores the result', async () => {
  const options = ['--quick', '--rounds', '1', '--tokens', '5', '--warm', '1', '--connections', '8']
  const { code, stdout, stderr } = await bench('hot', ...options, '--output', 'json', '--results', results)
  const found = JSON.parse(stdout)

  expect(found).toMatchObject({ scenario: 'hot', rounds: 1, tokens: 5, broken: [] })
  expect(found.cpu_us_per_request).toEqual({
    median: expect.any(Number),
    min: expect.any(Number),
    max: expect.any(Number),
  })
  expect(found.verdicts.map(({ figure }: { figure: string }) => figure)).toContain('ratio')
  // The verdicts depend on the speed of the machine, so the test checks only that the exit code agrees with the
  // verdicts.
  const missed = found.verdicts.some(({ outcome }: { outcome: string }) => outcome === 'missed')
  expect(code).toBe(missed ? 1 : 0)
  expect(stderr).toContain('round 1/1')

  const kept = readdirSync(results)
  expect(kept.map((name) => name.replace(/^hot-\d{8}T\d{4}-[0-9a-f]{12}/, ''))).toEqual(['.html', '.json'])
  const record = JSON.parse(readFileSync(join(results, kept[1]!), 'utf8'))
  expect(record).toMatchObject({ kind: 'hot', quick: true, machine: { node: process.version } })
})

test('`gatehouse bench session` logs users in and compares requests with a session to requests with a token', async () => {
  const options = ['--quick', '--tokens', '3', '--connections', '8']
  const { stdout } = await bench('session', ...options, '--output', 'json')
  const found = JSON.parse(stdout)

  expect(found).toMatchObject({ scenario: 'session', generator: 'autocannon', broken: [] })
  expect(found.cpu_us_per_request.median).toBeGreaterThan(0)
  // A node that does not know a session reads it from Redis: 1000 or more commands per 1000 requests.
  expect(found.redis_commands_per_1000.median).toBeLessThan(500)
})

test.each([
  { words: ['warm'], says: 'no scenario "warm": there are hot, cold' },
  { words: ['compare'], says: 'compare requires one commit' },
  { words: ['hot', '--rounds', '0'], says: '--rounds must be a whole number of at least 1' },
  { words: ['cold', '--megabytes', '3'], says: '--megabytes is no option of cold' },
  { words: ['--rounds', '3'], says: '--rounds is no option of the suite' },
  { words: ['hot', '--output', 'xml'], says: '--output must be text or json' },
  { words: ['hot', '--generator', 'ab'], says: '--generator must be autocannon or wrk' },
  { words: ['cold', '--generator', 'wrk'], says: '--generator wrk is for hot, session, peers, compare' },
  { words: ['--generator', 'wrk'], says: '--generator wrk is for hot' },
  { words: ['hot', '--fast'], says: "Unknown option '--fast'" },
])('`gatehouse bench` exits with 2 for the wrong arguments $words', async ({ words, says }) => {
  const { code, stdout, stderr } = await benchProgram(...words)

  expect(code).toBe(2)
  expect(stdout).toBe('')
  // The output has the error and a hint, without the whole usage text.
  expect(stderr).toContain(says)
  expect(stderr).toContain('hint: gatehouse bench hot --help lists all scenarios and options')
  expect(stderr).not.toContain('Usage:')
})

test.each([
  { words: ['warm', '--output', 'json'], exit: 2, said: 'GH_USAGE' },
  { words: ['hot', '-o', 'json', '--fast'], exit: 2, said: 'GH_USAGE' },
  { words: ['hot', '--rounds', '0', '--output=json'], exit: 2, said: 'GH_USAGE' },
  { words: ['report', 'package.json', '-ojson'], exit: 1, said: 'GH_BENCH_FAILED' },
])('`gatehouse bench` with the arguments $words prints its error as JSON', async ({ words, exit, said }) => {
  const { code, stdout, stderr } = await benchProgram(...words)

  expect([code, stdout]).toEqual([exit, ''])
  expect(JSON.parse(stderr)).toMatchObject({ code: said, message: expect.any(String), path: '', file: null })
})

test.each([
  { words: ['report', 'package.json'], says: 'error: package.json is not a stored run' },
  { words: ['compare', 'no-such'], says: 'error: unknown commit "no-such"' },
])('`gatehouse bench` with the arguments $words exits with 1 and names the cause', async ({ words, says }) => {
  const { code, stderr } = await benchProgram(...words)

  expect(code).toBe(1)
  expect(stderr).toContain(says)
  expect(stderr).not.toContain('    at ')
})
