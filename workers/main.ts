// Runs one worker until SIGTERM or SIGINT: `main.ts [--config FILE] [--policy PATH] [--output text|json]`. `gatehouse
// worker` starts this file. Exit codes: 0 graceful stop; 1 the start failed (invalid settings or policy, a port in
// use), or a second signal ended the graceful stop early; 70 crash.

import '../gateway/config/interpret-schemas.ts'
import { parseArgs } from 'node:util'
import { CRASHED } from '../gateway/base/exit-code.ts'
import { ListenError } from '../gateway/base/listen-error.ts'
import { Supervisor } from '../gateway/base/supervisor.ts'
import { ConfigError, formatProblem, nowhere, type Problem } from '../gateway/config/problem.ts'
import { readSettings } from '../gateway/config/settings.ts'
import { ServiceManager } from '../gateway/probes/service-manager.ts'
import { WorkerProcess } from './worker-process.ts'

const ONE_WISH_MS = 1000

type Explained = Omit<Problem, 'code'> & { readonly code: string }

const { values } = parseArgs({
  options: { config: { type: 'string' }, policy: { type: 'string' }, output: { type: 'string', default: 'text' } },
})

try {
  await run()
} catch (error) {
  process.stderr.write(explanation(error))
  process.exit(1)
}

async function run(): Promise<void> {
  const flags = values.policy === undefined ? {} : { policy: { path: values.policy } }
  const loaded = readSettings({ path: values.config, env: process.env, flags })
  let worker: WorkerProcess | undefined
  let askedAt: number | undefined
  const manager = new ServiceManager(process.env)
  const stop = (): void => {
    // Ignore a second signal within 1 s: for one stop request two signals can arrive, one from the supervisor to the
    // whole process group and one from the parent process.
    if (askedAt !== undefined && performance.now() - askedAt < ONE_WISH_MS) return
    if (askedAt !== undefined || worker === undefined) process.exit(askedAt === undefined ? 0 : 1)
    askedAt = performance.now()
    manager.stopping()
    worker.stop().then(
      () => process.exit(0),
      (error) => crash(error),
    )
  }
  const crash = (error: unknown): void => {
    worker?.crash(error)
    process.exit(CRASHED)
  }
  process.on('SIGTERM', stop).on('SIGINT', stop)
  const reloading = new Supervisor('reload')
  process.on('SIGHUP', () => void reloading.attempt(() => manager.reload(async () => worker?.reload())))
  process.on('disconnect', stop)
  process.on('uncaughtException', crash)
  worker = await WorkerProcess.start(loaded)
  if (worker.started) manager.ready()
}

function explanation(error: unknown): string {
  const problems = error instanceof ConfigError ? error.problems : [startProblem(error)]
  if (values.output !== 'json') return problems.map(inWords).join('')
  const whole = { file: null, line: null, column: null, hint: null }
  return problems.map((each) => `${JSON.stringify({ ...whole, ...withoutUndefined(each) })}\n`).join('')
}

function startProblem(error: unknown): Explained {
  const hint = error instanceof ListenError ? error.hint : undefined
  return {
    code: 'GH_START',
    message: error instanceof Error ? error.message : String(error),
    path: '',
    ...nowhere,
    hint,
  }
}

/** Formats a problem as text, in the form that the command line prints. */
function inWords({ hint, ...rest }: Explained): string {
  const line = formatProblem({ ...rest, hint: undefined } as Problem)
  return `${rest.file === undefined ? 'error: ' : ''}${line}\n${hint === undefined ? '' : `  hint: ${hint}\n`}`
}

function withoutUndefined(members: object): object {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined))
}
