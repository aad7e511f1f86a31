import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { wrk } from '../../deploy/server-program.mjs'
import type { Drive } from './drive.ts'
import { requestText } from './request-mix.ts'

const script = fileURLToPath(new URL('./wrk.lua', import.meta.url))

/** Summary that the script wrk.lua prints as JSON after a run. */
interface Summary {
  readonly requests: number
  readonly seconds: number
  /** Number of replies with a status from 400 on. wrk counts no other statuses separately. */
  readonly refused: number
  readonly failed: number
}

/**
 * Downloads and unpacks wrk if the machine has no wrk. @throws {Error} when that is impossible; the message names the
 * package
 */
export async function needWrk(progress: (line: string) => void): Promise<void> {
  if (wrk.look() !== undefined) return
  progress('unpacking wrk, because this machine has none')
  await wrk.install()
}

/** Load generator wrk with one thread. It uses little CPU time per request, so it can saturate its target. */
export const byWrk: Drive = async (targets, { connections, requests, seconds, status }) => {
  const [target] = targets
  if (target === undefined || targets.length > 1 || seconds === undefined)
    throw new Error('wrk supports exactly one target and needs a duration')
  const { command, env } = wrk.find()
  const url = `http://127.0.0.1:${target.port}/`
  const child = spawn(command, ['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '-s', script, url], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
  const ended = once(child, 'close')
  child.stdin.end(
    requests
      .map(requestText)
      .map((text) => `${text.length}\n${text}`)
      .join(''),
  )
  const lines = (await text(child.stdout)).trimEnd().split('\n')
  const [code] = await ended
  if (code !== 0) throw new Error(`wrk ended with exit code ${code}`)
  const summary = JSON.parse(lines.at(-1)!) as Summary
  const expected = status < 400 ? 0 : summary.requests
  const good = summary.requests > 0 && summary.refused === expected && summary.failed === 0
  return {
    requests: summary.requests,
    seconds: summary.seconds,
    ...(good
      ? {}
      : { wrong: `replies: ${summary.requests}, of them ${summary.refused} refused; ${summary.failed} failed` }),
  }
}
