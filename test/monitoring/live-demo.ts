import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { loopback, portsAt } from '../../deploy/demo/ports.ts'
import { redisCli } from '../kit/redis-cli.ts'

export const checkout = resolve(import.meta.dirname, '../..')
/** Ports of the demo that the live alerts break. */
export const ports = portsAt(700)
/** Folder of the demo's settings, keys and logs. */
export const state = join(checkout, '.gatehouse', `demo-${ports.offset}`)
const startLimitMs = 120_000

/** One failure of the demo: what it does, its end, and the alerts that it causes. */
export interface Breakage {
  readonly cause: string
  readonly alerts: readonly string[]
  /** True: it ends after the alerts have ended, because they need its requests to end. */
  readonly lasts?: boolean
  begin(): void | Promise<void>
  end(): void | Promise<void>
}

/** Returns the pid of the process whose command line contains `text`. */
export function pidOf(text: string): number {
  const found = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && commandOf(name).includes(text))
  if (found.length === 0) throw new Error(`no process with ${text}`)
  return Number(found[0])
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

/** Stops the processes whose command lines contain these texts, and continues them at the end. */
export function stopped(cause: string, alerts: readonly string[], ...texts: readonly string[]): Breakage {
  const pids = texts.map(pidOf)
  const signal = (name: NodeJS.Signals) => {
    for (const pid of pids) process.kill(pid, name)
  }
  return { cause, alerts, begin: () => signal('SIGSTOP'), end: () => signal('SIGCONT') }
}

export const redis = (command: string, ...words: string[]) => redisCli(ports.redis, command, ...words)

/** Runs `gatehouse` with these words against the first node. */
export function gatehouse(...words: readonly string[]): void {
  const env = {
    ...process.env,
    GATEHOUSE_ADMIN_URL: loopback(ports.admin[0]),
    GATEHOUSE_ADMIN_TOKEN_FILE: join(state, 'admin-token'),
  }
  execFileSync(process.execPath, [join(checkout, 'gateway/cli/gatehouse.mjs'), ...words], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
}

/** Texts of the demo's policy that are replaced at present, with their replacements. */
const replaced = new Map<string, string>()

/** Applies the policy of the demo with more texts replaced, beside those of earlier calls. */
export function replaceInPolicy(...pairs: readonly (readonly [text: string, other: string])[]): void {
  for (const [text, other] of pairs) replaced.set(text, other)
  applyPolicy()
}

/** Applies the policy of the demo without the replacement of a text. */
export function restoreInPolicy(text: string): void {
  replaced.delete(text)
  applyPolicy()
}

function applyPolicy(): void {
  let policy = readFileSync(join(state, 'policy.yaml'), 'utf8')
  for (const [text, other] of replaced) {
    if (!policy.includes(text)) throw new Error(`the policy of the demo does not contain ${text}`)
    policy = policy.replace(text, () => other)
  }
  const changed = join(state, 'changed.yaml')
  writeFileSync(changed, policy)
  gatehouse('apply', changed)
}

/** Replaces a text of the policy for as long as the breakage lasts. */
export function wrongPolicy(cause: string, alerts: readonly string[], text: string, other: string): Breakage {
  return { cause, alerts, begin: () => replaceInPolicy([text, other]), end: () => restoreInPolicy(text) }
}

export async function untilItAnswers(url: string): Promise<void> {
  for (const deadline = performance.now() + startLimitMs; ; await sleep(200)) {
    const reply = await fetch(url).catch(() => undefined)
    await reply?.body?.cancel()
    if (reply?.ok) return
    if (performance.now() > deadline) throw new Error(`${url} does not answer`)
  }
}
