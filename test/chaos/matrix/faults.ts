import { writeFileSync } from 'node:fs'
import type { FaultRelay, LinkFault, RelayCounts } from '../../kit/fault-relay.ts'
import type { PartProcess } from '../../kit/part-process.ts'
import { redisCli } from '../../kit/redis-cli.ts'
import { until } from '../../kit/until.ts'
import type { NameServerMode } from '../parts/reports.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { ChaosWorld, WorldMember } from './world.ts'

/** A fault that is in effect. */
export interface ActiveFault {
  /** Returns the text that proves that the fault was in effect. @throws {Error} when it was not */
  proof(): Promise<string>
  /** Ends the fault: resumes, restarts or mends the parts. */
  end(): Promise<void>
}

/** Causes the fault of a row in a world. */
export type FaultMaker = (world: ChaosWorld, random: SeededRandom) => Promise<ActiveFault>

type PartsOf = (world: ChaosWorld, random: SeededRandom) => readonly PartProcess[] | Promise<readonly PartProcess[]>
type LinksOf = (world: ChaosWorld, random: SeededRandom) => readonly FaultRelay[]

/** Kills the processes with SIGKILL, and starts them again at the end. */
export function killed(partsOf: PartsOf): FaultMaker {
  return async (world, random) => {
    const parts = await partsOf(world, random)
    const pids = parts.map(({ pid }) => pid)
    for (const part of parts) world.killedMs.set(part.name, Date.now())
    const links = parts.flatMap((part) => world.linksTo(part))
    await Promise.all(parts.map((part) => part.kill()))
    await Promise.all(links.map((link) => link.refuse()))
    return {
      async proof() {
        const states = parts.map((part, i) => part.state(pids[i]))
        if (states.some((state) => state !== 'gone')) throw new Error(`states of the killed processes: ${states}`)
        return parts.map(({ name, ending }, i) => `${name} (pid ${pids[i]}) ${ending}, gone`).join('; ')
      },
      async end() {
        await Promise.all(links.map((link) => link.accept()))
        await Promise.all(parts.map((part) => part.start()))
      },
    }
  }
}

/** Suspends the processes with SIGSTOP, and resumes them at the end. */
export function stopped(partsOf: PartsOf): FaultMaker {
  return async (world, random) => {
    const parts = await partsOf(world, random)
    for (const part of parts) part.signal('SIGSTOP')
    await until('the processes to stop', () => parts.every((part) => part.state() === 'T'))
    return {
      async proof() {
        const states = parts.map((part) => part.state())
        if (states.some((state) => state !== 'T')) throw new Error(`states of the stopped processes: ${states}`)
        return parts.map(({ name, pid }) => `${name} (pid ${pid}) state T`).join('; ')
      },
      async end() {
        for (const part of parts) part.signal('SIGCONT')
      },
    }
  }
}

/** Kinds of faults of a link, and the counter that proves each. */
const linkFaults = {
  slow: { counter: 'delayedBytes', what: 'bytes delayed' },
  cut: { counter: 'resets', what: 'connections reset' },
  'half-open': { counter: 'vanishedBytes', what: 'bytes vanished' },
  'lost-reply': { counter: 'lostReplies', what: 'replies lost' },
} as const satisfies Record<LinkFault['kind'], { counter: keyof RelayCounts; what: string }>

export type LinkFaultKind = keyof typeof linkFaults

/** Breaks the links. The delay of `slow` and the share of `lost-reply` come from the seed. */
export function broken(kind: LinkFaultKind, linksOf: LinksOf): FaultMaker {
  return async (world, random) => {
    const links = linksOf(world, random)
    const { counter, what } = linkFaults[kind]
    const before = links.map(({ counts }) => counts[counter])
    const fault = linkFaultOf(kind, random)
    for (const link of links) link.break(fault)
    return {
      async proof() {
        const count = () => links.reduce((sum, link, i) => sum + link.counts[counter] - before[i]!, 0)
        // A link with little traffic may have lost nothing yet.
        await until(`${links.map(({ name }) => name)}: ${what}`, () => count() > 0, 15_000)
        const sum = count()
        const delay = fault.kind === 'slow' ? ` by ${Math.round(fault.delayMs)} ms` : ''
        return `${sum} ${what}${delay}: ${links.map(({ name }) => name).join(', ')}`
      },
      async end() {
        for (const link of links) link.mend()
      },
    }
  }
}

function linkFaultOf(kind: LinkFaultKind, random: SeededRandom): LinkFault {
  if (kind === 'slow') return { kind, delayMs: Math.round(random.between(80, 600)) }
  if (kind === 'lost-reply') return { kind, share: random.between(0.2, 0.7), random: random.next }
  return { kind }
}

/** Shifts the clocks of nodes or workers, and restores them at the end. */
export function shifted(shiftMs: number, membersOf: (world: ChaosWorld) => readonly WorldMember[]): FaultMaker {
  return async (world) => {
    const members = membersOf(world)
    const proofs = await Promise.all(members.map((member) => world.shiftClock(member, shiftMs)))
    return {
      proof: async () => members.map(({ name }, i) => `${name}: ${proofs[i]}`).join('; '),
      end: async () => void (await Promise.all(members.map((member) => world.shiftClock(member, 0)))),
    }
  }
}

/** Shifts the clock of Redis with libfaketime. */
export function shiftedRedis(shiftS: number): FaultMaker {
  return async ({ redis }) => {
    const server = await redis.primary()
    const port = Number(server.words[server.words.indexOf('--port') + 1])
    const offsetS = async () => Number((await redisCli(port, 'TIME')).split('\n')[0]) - Date.now() / 1000
    const shift = async (seconds: number) => {
      writeFileSync(redis.clockFile!, `${seconds < 0 ? '' : '+'}${seconds}\n`)
      await until('Redis to read its clock', async () => Math.abs((await offsetS()) - seconds) < 2)
    }
    await shift(shiftS)
    const found = Math.round(await offsetS())
    return { proof: async () => `TIME of Redis ${found} s from real time`, end: () => shift(0) }
  }
}

/** Makes the name server reply late, with an error, or that the names do not exist. */
export function misnamed(mode: NameServerMode): FaultMaker {
  return async ({ nameServer }) => {
    const { queries } = nameServer
    const before = queries[mode]
    nameServer.setMode(mode)
    return {
      async proof() {
        await until(`a query in the mode ${mode}`, () => queries[mode] > before, 15_000)
        return `${queries[mode] - before} queries in the mode ${mode}`
      },
      end: async () => nameServer.setMode('answers'),
    }
  }
}

/** Starts one fault after the other, and ends them in the reverse order. */
export function together(...makers: readonly FaultMaker[]): FaultMaker {
  return async (world, random) => {
    const active: ActiveFault[] = []
    const end = async (): Promise<void> => {
      for (const each of active.toReversed()) await each.end()
    }
    try {
      for (const make of makers) active.push(await make(world, random))
    } catch (error) {
      await end()
      throw error
    }
    return { proof: async () => (await Promise.all(active.map((each) => each.proof()))).join('; '), end }
  }
}

/** A full disk: the processes cannot write to any file beyond 4 KiB. @param failed  number of failed writes so far */
export function diskFull(
  partsOf: PartsOf,
  failed: (world: ChaosWorld, part: PartProcess) => Promise<number>,
): FaultMaker {
  return async (world, random) => {
    const parts = await partsOf(world, random)
    const count = async () =>
      (await Promise.all(parts.map((part) => failed(world, part)))).reduce((sum, each) => sum + each, 0)
    const before = await count()
    await Promise.all(parts.map((part) => part.limitFiles(4096)))
    return {
      async proof() {
        await until('a failed write', async () => (await count()) > before, 15_000)
        return `${(await count()) - before} failed writes (EFBIG): ${parts.map(({ name }) => name).join(', ')}`
      },
      end: async () => void (await Promise.all(parts.map((part) => part.limitFiles('unlimited')))),
    }
  }
}

/** Number of log lines of a process that name the error EFBIG. */
export async function linesAboutFullDisk(_: ChaosWorld, { out, err }: PartProcess): Promise<number> {
  return [...out.text, ...err.text].filter((line) => line.includes('EFBIG') || line.includes('File too large')).length
}
