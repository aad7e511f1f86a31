import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { backgroundTasks } from '../../../gateway/base/background-tasks.ts'
import { floatingPromises } from '../../kit/floating-promises.ts'

// Work for which no request waits has a supervisor: its failures are logged and counted, and do not end the process.
// Any other unhandled failure ends the process.

const root = new URL('../../..', import.meta.url).pathname.replace(/\/$/, '')

/** Source files of nodes and workers, without the CLI commands, which run in their own processes, and without the console, which runs in browsers. */
const sources = ['gateway', 'workers']
  .flatMap((folder) => readdirSync(`${root}/${folder}`, { recursive: true }).map((name) => `${folder}/${name}`))
  .filter((path) => path.endsWith('.ts') && !/^gateway\/(?:cli|console)\//.test(path))
  .map((path) => ({ path, text: readFileSync(`${root}/${path}`, 'utf8') }))

/** Methods whose promise never rejects, because a `Supervisor` handles the failures. */
const settled = /^(Supervisor\.(run|attempt)|LeasedWindows\.(#ask|settle))$/

/** Promises whose rejection is handled in another place. The key is the file and the start of the expression. */
const handledElsewhere: Readonly<Record<string, string>> = {
  'gateway/audit/log-verifier.ts this.#verifying ??= ': 'returned to the call of the admin API',
  'gateway/credentials/grant-holder.ts this.#taking ??= ':
    'returned to an exchange, or to the supervisor of the renewal',
  'gateway/credentials/grant-queue.ts this.#producer ??= ': 'awaited in a supervised task and in close',
  'gateway/config/settings-reload.ts this.#running = this.#running.then(':
    'a supervisor runs each reload, so the promise never rejects',
  'gateway/issuers/key-set.ts this.#fetching ??= ': 'returned to a verification, or to the supervisor of the refresh',
  'gateway/issuers/key-set.ts this.#awaited ??= ': 'returned to a verification; never rejects',
  'gateway/node.ts this.#stopping ??= ': 'returned to the process, which ends',
  'gateway/policy/job-queue-list.ts this.#running ??= ': 'returned to the call of the admin API',
  'gateway/probes/service-manager.ts this.#sent = this.#sent.then(':
    'a supervisor sends each message, so the promise never rejects',
  'gateway/queues/queues.ts this.#attempted = new Promise(': 'resolved by events of the connection; never rejects',
  'workers/worker-process.ts this.#stopping ??= ': 'returned to the process, which ends',
  'gateway/node-cluster.ts () => Promise.reject(error)':
    'ends the process on purpose: the node must not run with this Redis',
}

/** Files with timers that must not use a supervisor, or that have no work to supervise, with the reason. */
const ownTimers: Readonly<Record<string, string>> = {
  'gateway/base/supervisor.ts': 'the timers of supervisors themselves',
  'gateway/telemetry/line-writer.ts': 'writes the log, in which a supervisor reports',
}

test('every promise in the source of nodes and workers has a handler for its rejection', {
  timeout: 600_000,
}, () => {
  const found = floatingPromises(root, ['gateway/main.ts', 'workers/main.ts'], (method) => settled.test(method))
  const known = Object.keys(handledElsewhere)
  const keyOf = ({ place, text }: (typeof found)[number]) => `${place.split(':')[0]} ${text}`
  expect(found.filter((each) => !known.some((start) => keyOf(each).startsWith(start)))).toEqual([])
  // An entry of `handledElsewhere` that matches no promise now would hide an unhandled promise later.
  expect(known.filter((start) => !found.some((each) => keyOf(each).startsWith(start)))).toEqual([])
})

test.each(Object.keys(backgroundTasks))(
  'a source file of nodes or workers creates a supervisor for the background task %s',
  (task) => {
    const supervised = sources.filter(({ text }) => text.includes(`new Supervisor('${task}'`))
    expect(supervised.map(({ path }) => path)).not.toEqual([])
  },
)

test('in nodes and workers, only a Supervisor repeats work or calls a method from a timer, except in the log writer', () => {
  const found = sources
    .filter(({ path }) => ownTimers[path] === undefined)
    .flatMap(({ path, text }) =>
      [
        ...text.matchAll(/setInterval\(|set(?:Timeout|Immediate)\((?:async |\(\) =>\s*(?:void )?this\.#(?!task\.))/g),
      ].map(({ index }) => `${path}:${text.slice(0, index).split('\n').length}`),
    )
  expect(found).toEqual([])
})

test('no process-wide handler keeps a node or worker running after an unhandled rejection', () => {
  const handlers = sources.flatMap(({ path, text }) =>
    [...text.matchAll(/'(unhandledRejection|uncaughtException|uncaughtExceptionMonitor|rejectionHandled)'/g)].map(
      ([, event]) => `${path} ${event}`,
    ),
  )
  // Both handlers in this list end the process with exit code 70.
  expect(handlers.toSorted()).toEqual(['gateway/main.ts uncaughtException', 'workers/main.ts uncaughtException'])
})
