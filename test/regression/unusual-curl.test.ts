import { execFile, execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import { atEnd } from '../kit/cleanup.ts'
import type { TestNode } from '../kit/test-node.ts'
import { startUpstream, type TestUpstream } from '../kit/upstream.ts'
import { startTokenNode } from './token-node.ts'

// curl waits for 100 Continue before a large body, requests HTTP/2 with Upgrade, and resumes downloads. `npm run setup`
// does not install curl; without curl on PATH the tests are skipped.

const run = promisify(execFile)
const curl = curlHere()
const size = 3_000_000
const content = Buffer.alloc(size, 'what curl sends ')
const sha256 = createHash('sha256').update(content).digest('hex')

function curlHere(): boolean {
  try {
    execFileSync('curl', ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

let upstream: TestUpstream
let node: TestNode
let token: string
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-curl-'))
atEnd(() => rmSync(folder, { recursive: true, force: true }))
const file = join(folder, 'content')
const config = join(folder, 'curlrc')

beforeAll(async () => {
  upstream = await startUpstream()
  ;({ node, token } = await startTokenNode(upstream.url))
  writeFileSync(file, content)
  // A token in command-line arguments would be visible in the process list.
  writeFileSync(config, `header = "Authorization: Bearer ${token}"\n`, { mode: 0o600 })
})

/** Runs curl with the token. @returns the body on stdout, and with `-v` the exchanged heads on stderr */
async function runCurl(path: string, ...rest: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const url = `http://127.0.0.1:${node.port}${path}`
  return run('curl', ['-q', '--noproxy', '*', '-K', config, '-sS', '--max-time', '60', ...rest, url])
}

const withCurl = test.skipIf(!curl)
const note = curl ? '' : ' (skipped: there is no curl on PATH)'

withCurl.each([
  ['a file with its length', ['--data-binary', `@${file}`]],
  ['a file after 100 Continue', ['-H', 'Expect: 100-continue', '--data-binary', `@${file}`]],
  ['a file in chunks', ['-H', 'Transfer-Encoding: chunked', '--data-binary', `@${file}`]],
  [
    'a file in chunks after 100 Continue',
    ['-H', 'Transfer-Encoding: chunked', '-H', 'Expect: 100-continue', '-T', file],
  ],
  ['a file by PUT', ['-T', file]],
])(`curl uploads %s through the gate${note}`, async (_what, parts) => {
  const { stdout, stderr } = await runCurl('/s/1', '-v', ...parts)

  expect(JSON.parse(stdout)).toMatchObject({ body: { bytes: size, sha256 } })
  expect((await upstream.next()).all('expect')).toEqual([])
  // A request with Expect gets 100 Continue; a request without Expect does not.
  expect(/^< HTTP\/1\.1 100 Continue/m.test(stderr)).toBe(/^> Expect: 100-continue/m.test(stderr))
})

withCurl(`curl sends a form with a file through the gate${note}`, async () => {
  const { stdout } = await runCurl('/s/form', '-F', 'a=1', '-F', `file=@${file};type=text/plain`)

  expect((JSON.parse(stdout) as { body: { bytes: number } }).body.bytes).toBeGreaterThan(size)
  expect((await upstream.next()).all('content-type')).toEqual([
    expect.stringMatching(/^multipart\/form-data; boundary=/),
  ])
})

withCurl(`curl requests HTTP/2 with Upgrade and gets HTTP/1.1 from the gate${note}`, async () => {
  const { stdout } = await runCurl('/s/1', '--http2')

  expect(JSON.parse(stdout)).toMatchObject({ method: 'GET', url: '/s/1' })
  const received = await upstream.next()
  for (const name of ['upgrade', 'http2-settings']) expect(received.all(name)).toEqual([])
})

withCurl(`curl follows a redirect through the gate over the same connection, with its token${note}`, async () => {
  upstream.handler = ({ url }, response) => {
    if (url === '/s/here') response.writeHead(302, { location: '/s/there' }).end()
    else response.end('there')
  }
  const { stdout, stderr } = await runCurl('/s/here', '-v', '-L')

  expect(stdout).toBe('there')
  expect(stderr).toMatch(/Re-using|Reusing/i)
})

withCurl(`curl resumes a download through the gate${note}`, async () => {
  const half = size / 2
  upstream.handler = (received, response) => {
    const [, from] = /^bytes=(\d+)-$/.exec(received.all('range')[0] ?? '') ?? []
    if (from === undefined) return void response.end(content)
    response
      .writeHead(206, { 'content-range': `bytes ${from}-${size - 1}/${size}` })
      .end(content.subarray(Number(from)))
  }
  const partly = join(folder, 'partly')
  writeFileSync(partly, content.subarray(0, half))
  await runCurl('/s/1', '-C', '-', '-o', partly)

  expect(readFileSync(partly).equals(content)).toBe(true)
})
