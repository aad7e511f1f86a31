import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BenchIssuer } from '../harness/tokens.ts'
import { type BodyResult, down, up } from './bodies.ts'
import { type FloodResult, flood } from './flood.ts'
import { startSoakGate } from './gate.ts'
import { type IdleResult, idle } from './idle.ts'

const MB = 1_000_000

/** What a run may not exceed: well above what was measured on two shared cores, well below what keeping all would take. */
const caps = {
  idle_kib_per_connection: 24,
  download_memory_mib: 48,
  upload_memory_mib: 64,
  /** 256 MiB for uploads of a node, and what the engine has not collected yet. */
  uploads_memory_mib: 352,
  cpu_us_per_refusal: 1000,
  /** Failed verifications that one address is granted: the burst, and 50 more a second. */
  verified: 1000,
} as const

export interface SoakResult {
  readonly scenario: 'soak'
  readonly idle: IdleResult
  readonly download: BodyResult
  readonly upload: BodyResult
  readonly uploads: BodyResult
  readonly flood: FloodResult
  readonly caps: typeof caps
  /** What was broken, in words. Empty: all is well. */
  readonly broken: readonly string[]
}

export interface SoakOptions {
  readonly connections: number
  readonly megabytes: number
  readonly tokens: number
  readonly progress: (line: string) => void
}

/** One node under what is large, slow, many and wrong, one after the other: what it costs, and whether it stays right. */
export async function soak({ connections, megabytes, tokens, progress }: SoakOptions): Promise<SoakResult> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-soak-'))
  const service = fork(join(import.meta.dirname, 'service.ts'), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const [servicePort] = (await once(service, 'message')) as [number]
  const issuer = await BenchIssuer.start()
  const gate = await startSoakGate(join(folder, 'gate'), issuer.url, servicePort)
  try {
    const bytes = megabytes * MB
    progress('warming up')
    await down(gate, 20 * MB, 1000)
    await up(gate, { bytes: 20 * MB, uploads: 1, takenMbPerSecond: 100, sentMbPerSecond: 100 })
    progress(`${megabytes} MB down to a client that reads 40 MB/s`)
    const download = await down(gate, bytes, 40)
    progress(`${megabytes} MB up at 100 MB/s to a service that takes 40 MB/s`)
    const upload = await up(gate, { bytes, uploads: 1, takenMbPerSecond: 40, sentMbPerSecond: 100 })
    progress('10 uploads at once, as fast as loopback takes them, to a service that takes 20 MB/s of each')
    const uploads = await up(gate, { bytes: 64 * MB, uploads: 10, takenMbPerSecond: 20 })
    progress(`${connections} connections that wait`)
    const waiting = await idle(gate, connections)
    progress(`${tokens} forged tokens from 127.0.0.1, and a client at 127.0.0.2`)
    const forged = await flood(gate, issuer, tokens)
    const result = { scenario: 'soak', idle: waiting, download, upload, uploads, flood: forged, caps } as const
    return { ...result, broken: broken(result) }
  } finally {
    await gate.stop()
    issuer.close()
    service.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}

function broken({ idle, download, upload, uploads, flood }: Omit<SoakResult, 'broken'>): string[] {
  const wrong: string[] = []
  const hold = (holds: boolean, what: string): void => {
    if (!holds) wrong.push(what)
  }
  hold(idle.failed_replies === 0, `${idle.failed_replies} replies failed beside connections that wait`)
  hold(
    idle.kib_per_connection <= caps.idle_kib_per_connection,
    `a connection that waits costs ${idle.kib_per_connection} KiB`,
  )
  for (const [what, { identical, memory_mib }, cap] of [
    ['the download', download, caps.download_memory_mib],
    ['the upload', upload, caps.upload_memory_mib],
    ['the uploads at once', uploads, caps.uploads_memory_mib],
  ] as const) {
    hold(identical, `${what} did not arrive as sent`)
    hold(memory_mib <= cap, `${what} took ${memory_mib} MiB of memory`)
  }
  const { 401: verified = 0, 429: unverified = 0 } = flood.replies
  hold(verified + unverified === flood.tokens, `forged tokens were answered ${JSON.stringify(flood.replies)}`)
  hold(verified <= caps.verified, `${verified} forged tokens cost a verification`)
  hold(flood.cpu_us_per_refusal <= caps.cpu_us_per_refusal, `a refusal cost ${flood.cpu_us_per_refusal} µs`)
  const others = Object.keys(flood.other_replies)
  hold(others.length === 1 && flood.other_replies[200]! > 0, 'a client at another address was not served')
  return wrong
}

export function soakTable({ idle, download, upload, uploads, flood, broken }: SoakResult): string {
  const body = ({ bytes, identical, seconds, memory_mib }: BodyResult): string =>
    `${bytes / MB} MB in ${seconds} s, ${identical ? 'identical' : 'NOT IDENTICAL'}, ${memory_mib} MiB of memory`
  const replies = (seen: FloodResult['replies']): string =>
    Object.entries(seen)
      .map(([status, count]) => `${count} × ${status}`)
      .join(', ')
  const fewer = idle.connections < idle.wanted ? ` (of ${idle.wanted}: the limit of open files allows no more)` : ''
  return `
WHAT                       FOUND
connections that wait      ${idle.connections}${fewer}: ${idle.memory_mib} MiB, ${idle.kib_per_connection} KiB each
download, slow client      ${body(download)}
upload, slow service       ${body(upload)}
10 uploads at once         ${body(uploads)}
forged tokens              ${replies(flood.replies)}; ${flood.cpu_us_per_refusal} µs of CPU each
client at another address  ${replies(flood.other_replies)}

${broken.length === 0 ? 'all within the caps' : broken.map((what) => `BROKEN: ${what}`).join('\n')}
`
}
