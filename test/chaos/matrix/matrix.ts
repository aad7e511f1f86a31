import type { FaultRelay } from '../../kit/fault-relay.ts'
import type { PartProcess } from '../../kit/part-process.ts'
import {
  broken,
  diskFull,
  type FaultMaker,
  killed,
  type LinkFaultKind,
  linesAboutFullDisk,
  misnamed,
  shifted,
  shiftedRedis,
  stopped,
  together,
} from './faults.ts'
import { faketimeLibrary, type Topology } from './redis-sides.ts'
import type { SeededRandom } from './seeded-random.ts'
import type { ChaosWorld, WorldMember } from './world.ts'
import type { worldLimits } from './world-policy.ts'

/** One row: a fault of one part. */
export interface MatrixRow {
  readonly name: string
  readonly topology: Topology
  readonly fault: FaultMaker
  /** Shortest duration of the fault, s. */
  readonly leastS: number
  /** Time after the end of the fault within which everything is well again, s. */
  readonly wellS: number
  /** Names of the members whose clock is shifted, and `issuer`. */
  readonly shifts: readonly string[]
  /** Times that a limit may be used in one window (docs/guide/limits.md, "When Redis is unavailable"). Default 1. */
  readonly limitTimes: Partial<Record<keyof typeof worldLimits, number>>
  /** Why this machine cannot run the row; `undefined` when it can. */
  readonly leftOut: string | undefined
}

type RowDetails = Partial<Omit<MatrixRow, 'name' | 'topology' | 'fault'>>

const row = (topology: Topology, name: string, fault: FaultMaker, details: RowDetails = {}): MatrixRow => ({
  name: `${topology}.${name}`,
  topology,
  fault,
  leastS: 1,
  wellS: 20,
  shifts: [],
  limitTimes: {},
  leftOut: undefined,
  ...details,
})

const linkKinds = ['slow', 'cut', 'half-open', 'lost-reply'] as const satisfies readonly LinkFaultKind[]

/** One row for each kind of fault of the same links. */
const linkRows = (
  topology: Topology,
  name: string,
  linksOf: (world: ChaosWorld, random: SeededRandom) => readonly FaultRelay[],
  details: RowDetails = {},
): readonly MatrixRow[] => linkKinds.map((kind) => row(topology, `${name}.${kind}`, broken(kind, linksOf), details))

const aNode = ({ nodes }: ChaosWorld, random: SeededRandom): readonly PartProcess[] => [random.pick(nodes).part]
const allNodes = ({ nodes }: ChaosWorld): readonly PartProcess[] => nodes.map(({ part }) => part)
const theWorker = ({ worker }: ChaosWorld): readonly PartProcess[] => [worker.part]
const theIssuer = ({ issuer }: ChaosWorld): readonly PartProcess[] => [issuer.part]
const theSink = ({ sink }: ChaosWorld): readonly PartProcess[] => [sink.part]
const theNameServer = ({ nameServer }: ChaosWorld): readonly PartProcess[] => [nameServer.part]
const aService = ({ services }: ChaosWorld, random: SeededRandom): readonly PartProcess[] => [
  random.pick(services).part,
]
const allServices = ({ services }: ChaosWorld): readonly PartProcess[] => services.map(({ part }) => part)
const aMaster = async ({ redis }: ChaosWorld): Promise<readonly PartProcess[]> => [await redis.primary()]
const aReplica = async ({ redis }: ChaosWorld): Promise<readonly PartProcess[]> => {
  const master = await redis.primary()
  return [redis.servers.find((server) => server !== master)!]
}
const aSentinel = ({ redis }: ChaosWorld, random: SeededRandom): readonly PartProcess[] => [
  random.pick(redis.sentinels),
]
const firstNode = ({ nodes }: ChaosWorld): readonly WorldMember[] => [nodes[0]!]
const everyNode = ({ nodes }: ChaosWorld): readonly WorldMember[] => nodes
const theWorkerMember = ({ worker }: ChaosWorld): readonly WorldMember[] => [worker]

const clientLinks = ({ nodes }: ChaosWorld, random: SeededRandom) => [random.pick(nodes).clients]
const nodeRedis = ({ redis }: ChaosWorld) => redis.relaysOf('n1')
const workerRedis = ({ redis }: ChaosWorld) => redis.relaysOf('w1')
const allRedis = ({ redis }: ChaosWorld) => redis.relays
const oneRedis = ({ redis }: ChaosWorld, random: SeededRandom) => [random.pick(redis.relays)]
const issuerLink = ({ issuer }: ChaosWorld) => [issuer.link]
const sinkLink = ({ sink }: ChaosWorld) => [sink.link]
const serviceLink = ({ services }: ChaosWorld, random: SeededRandom) => [random.pick(services).link]
const serviceLinks = ({ services }: ChaosWorld) => services.map(({ link }) => link)

const HOUR_MS = 3_600_000

/** While Redis is unavailable and for one window after it, `local` admits one more limit (docs/guide/limits.md). */
const redisOutage: RowDetails = { limitTimes: { leased: 2 }, leastS: 2 }
/** A lost shipping lease is taken over after 10 to 15 s (docs/guide/failures.md). */
const workerOutage: RowDetails = { wellS: 40 }
/** A failover takes about 3 s, and may lose the last charges of limits. */
const failover: RowDetails = { limitTimes: { leased: 3, exact: 2 }, leastS: 4, wellS: 40 }

/** `EFBIG` lines; Redis logs "File too large". */
const full = (partsOf: Parameters<typeof diskFull>[0]): FaultMaker => diskFull(partsOf, linesAboutFullDisk)

const standalone = 'standalone'

const memberRows: readonly MatrixRow[] = [
  row(standalone, 'node.kill', killed(aNode), { wellS: 30 }),
  row(standalone, 'node.stop', stopped(aNode)),
  row(standalone, 'nodes.kill', killed(allNodes), { wellS: 30 }),
  row(standalone, 'nodes.stop', stopped(allNodes)),
  row(standalone, 'node.full-disk', together(broken('cut', allRedis), full(allNodes)), { ...redisOutage, leastS: 3 }),
  row(standalone, 'node.clock-forward', shifted(HOUR_MS, firstNode), { shifts: ['n1'] }),
  row(standalone, 'node.clock-back', shifted(-HOUR_MS, firstNode), { shifts: ['n1'] }),
  row(standalone, 'node.clock-forward-seconds', shifted(8000, firstNode), { shifts: ['n1'] }),
  row(standalone, 'node.clock-back-seconds', shifted(-8000, firstNode), { shifts: ['n1'] }),
  row(standalone, 'nodes.clock-forward', shifted(HOUR_MS, everyNode), { shifts: ['n1', 'n2'] }),
  row(standalone, 'node.stop-and-clock-forward', together(shifted(30_000, firstNode), stopped(firstNodePart)), {
    shifts: ['n1'],
  }),
  ...linkRows(standalone, 'node–clients', clientLinks),
  ...linkRows(standalone, 'node–redis', nodeRedis, redisOutage),
  row(standalone, 'worker.kill', killed(theWorker), workerOutage),
  row(standalone, 'worker.stop', stopped(theWorker), workerOutage),
  row(standalone, 'worker.full-disk', full(theWorker), workerOutage),
  row(standalone, 'worker.clock-forward', shifted(HOUR_MS, theWorkerMember), { ...workerOutage, shifts: ['w1'] }),
  row(standalone, 'worker.clock-back', shifted(-HOUR_MS, theWorkerMember), { ...workerOutage, shifts: ['w1'] }),
  ...linkRows(standalone, 'worker–redis', workerRedis, workerOutage),
]

const redisRows: readonly MatrixRow[] = [
  row(standalone, 'redis.kill', killed(aMaster), redisOutage),
  row(standalone, 'redis.stop', stopped(aMaster), redisOutage),
  row(standalone, 'redis.full-disk', full(aMaster), redisOutage),
  ...[30, -30].map((shiftS) =>
    row(standalone, `redis.clock-${shiftS < 0 ? 'back' : 'forward'}`, shiftedRedis(shiftS), {
      limitTimes: { leased: 2, exact: 2 },
      wellS: 60,
      leftOut: faketimeLibrary() === undefined ? 'faketime is not installed' : undefined,
    }),
  ),
  ...linkRows(standalone, 'redis–all', allRedis, redisOutage),
  row('sentinel', 'master.kill', killed(aMaster), failover),
  row('sentinel', 'master.stop', stopped(aMaster), failover),
  row('sentinel', 'master.full-disk', full(aMaster), { ...failover, leastS: 2 }),
  row('sentinel', 'replica.kill', killed(aReplica), failover),
  row('sentinel', 'replica.stop', stopped(aReplica), failover),
  row('sentinel', 'sentinel.kill', killed(aSentinel)),
  row('sentinel', 'sentinel.stop', stopped(aSentinel)),
  ...linkRows('sentinel', 'server-links', oneRedis, failover),
  ...linkRows('sentinel', 'all-links', allRedis, failover),
  row('sentinel', 'node.kill', killed(aNode), { wellS: 30 }),
  row('cluster', 'master.kill', killed(aMaster), failover),
  row('cluster', 'master.stop', stopped(aMaster), failover),
  row('cluster', 'master.full-disk', full(aMaster), { ...failover, leastS: 2 }),
  row('cluster', 'replica.kill', killed(aReplica), failover),
  ...linkRows('cluster', 'server-links', oneRedis, failover),
  ...linkRows('cluster', 'all-links', allRedis, failover),
  row('cluster', 'node.kill', killed(aNode), { wellS: 30 }),
]

const outsideRows: readonly MatrixRow[] = [
  row(standalone, 'issuer.kill', killed(theIssuer)),
  row(standalone, 'issuer.stop', stopped(theIssuer)),
  ...linkRows(standalone, 'issuer-link', issuerLink),
  row(standalone, 'service.kill', killed(aService)),
  row(standalone, 'service.stop', stopped(aService)),
  ...linkRows(standalone, 'service-link', serviceLink),
  row(standalone, 'services.kill', killed(allServices)),
  row(standalone, 'services.stop', stopped(allServices)),
  ...linkRows(standalone, 'service-links', serviceLinks),
  row(standalone, 'sink.kill', killed(theSink), workerOutage),
  row(standalone, 'sink.stop', stopped(theSink), workerOutage),
  ...linkRows(standalone, 'sink-link', sinkLink, workerOutage),
  row(standalone, 'name-server.kill', killed(theNameServer)),
  row(standalone, 'name-server.stop', stopped(theNameServer)),
  ...(['slow', 'fails', 'has no name'] as const).map((mode) =>
    row(standalone, `name-server.${mode.replaceAll(' ', '-')}`, misnamed(mode)),
  ),
  // Faults end in the reverse order: the node starts before the name server, and becomes ready without it.
  row(standalone, 'name-server-and-node.kill', together(killed(theNameServer), killed(aNode)), { wellS: 40 }),
  // A node becomes ready only after Redis runs.
  row(standalone, 'redis-and-node.kill', together(killed(aNode), killed(aMaster)), { ...redisOutage, wellS: 40 }),
  row(standalone, 'redis-cut-and-issuer.kill', together(broken('cut', allRedis), killed(theIssuer)), redisOutage),
]

/** All rows. Each name occurs once. */
export const matrix: readonly MatrixRow[] = [...memberRows, ...redisRows, ...outsideRows]

function firstNodePart({ nodes }: ChaosWorld): readonly PartProcess[] {
  return [nodes[0]!.part]
}
