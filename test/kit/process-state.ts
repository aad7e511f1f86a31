import { readdirSync, readlinkSync } from 'node:fs'
import { taskFailures } from '../../gateway/base/supervisor.ts'

type Listener = (...values: unknown[]) => void
type Listeners = ReadonlyMap<string | symbol, readonly Listener[]>

/** Variables that the product and Node set in their own process. */
const ownVariables: ReadonlySet<string> = new Set(['NODE_COMPILE_CACHE', 'UWS_HTTP_MAX_HEADERS_SIZE'])

/** State of this process before it runs a node: listeners, sockets and timers. */
export class ProcessState {
  readonly #streams: readonly NodeJS.EventEmitter[] = [process, process.stdout, process.stderr]
  readonly #listeners: readonly Listeners[]
  readonly #sockets: ReadonlySet<string>
  readonly #resources: readonly string[]

  private constructor() {
    this.#listeners = this.#streams.map(listenersOf)
    this.#sockets = new Set(openSockets())
    this.#resources = activeResources()
  }

  static now(): ProcessState {
    return new ProcessState()
  }

  /** Sets the working folder and all environment variables of this process. */
  enter(cwd: string, env: Readonly<Record<string, string | undefined>>): void {
    process.chdir(cwd)
    for (const name of Object.keys(process.env)) if (!ownVariables.has(name)) delete process.env[name]
    Object.assign(process.env, env)
  }

  /** Removes the listeners that were added to the process, and leaves the working folder, which will be removed. */
  restore(): void {
    for (const [i, stream] of this.#streams.entries()) {
      for (const [event, listeners] of listenersOf(stream)) {
        const known = this.#listeners[i]!.get(event) ?? []
        for (const each of listeners) if (!known.includes(each)) stream.removeListener(event, each)
      }
    }
    process.chdir('/')
  }

  /** Lists what exists now and did not exist before: open sockets, active resources, failed background tasks. */
  leftBehind(): readonly string[] {
    const sockets = openSockets().filter((socket) => !this.#sockets.has(socket))
    const resources = without(activeResources(), this.#resources)
    // The counts of failed tasks are metrics of a process, so a next node would report the failures of this one.
    const failed = [...taskFailures()].filter(([, failures]) => failures > 0).map(([task]) => `failed task ${task}`)
    return [...sockets, ...resources, ...failed]
  }
}

function listenersOf(stream: NodeJS.EventEmitter): Listeners {
  return new Map(stream.eventNames().map((event) => [event, stream.listeners(event) as Listener[]]))
}

/** Resources that keep this process running, except timers: ioredis leaves one of 2 s for each lost connection. */
function activeResources(): string[] {
  return process.getActiveResourcesInfo().filter((kind) => kind !== 'Timeout')
}

function openSockets(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`)
      return target.startsWith('socket:') ? [target] : []
    } catch {
      // Skip the descriptor with which this function read the folder: it is closed now.
      return []
    }
  })
}

/** The values of `now` except, for each value of `before`, one equal value. */
function without(now: readonly string[], before: readonly string[]): string[] {
  const rest = [...before]
  return now.filter((each) => {
    const at = rest.indexOf(each)
    if (at >= 0) rest.splice(at, 1)
    return at < 0
  })
}
