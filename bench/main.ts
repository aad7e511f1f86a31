import { parseArgs } from 'node:util'
import { formatSpread } from './harness/statistics.ts'
import { type HotResult, hot } from './scenarios/hot.ts'
import { opaque, opaqueTable } from './scenarios/opaque.ts'
import { telemetry, telemetryTable } from './scenarios/telemetry.ts'
import { soak, soakTable } from './soak/soak.ts'

const usage = `Usage: gatehouse bench hot|opaque|telemetry|soak [options]

  hot: the CPU time of a request with a known token, beside bare nginx
  --rounds N        pairs of runs, each the bare proxy and then the gate (5)
  --seconds N       length of one run (4)
  --connections N   (64)
  --tokens N        distinct tokens (1000)

  opaque: known opaque tokens beside known JWTs on one gate, then opaque ones at a steady rate with a worker
  --rounds, --seconds, --connections, --tokens  as above
  --rate N          requests a second (1000)
  --steady N        seconds of it (25)

  telemetry: the same request with traces off, on and not sampled, 1 % and all sampled, at four gates in turns
  --rounds, --seconds, --connections, --tokens  as above

  soak: what is large, slow, many and wrong; exit code 1 when a body is changed or a cap exceeded
  --connections N   that wait (10000)
  --megabytes N     of a body (200)
  --tokens N        distinct forged tokens (5000)

  --output FORMAT   text or json (text)
`

/** Longest soak, ms: it ends by itself, whatever hangs. */
const SOAK_LIMIT_MS = 180_000

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string' },
    megabytes: { type: 'string', default: '200' },
    tokens: { type: 'string' },
    rate: { type: 'string', default: '1000' },
    steady: { type: 'string', default: '25' },
    output: { type: 'string', default: 'text' },
    help: { type: 'boolean', default: false },
  },
})

const [scenario] = positionals
const runs = { hot: runHot, opaque: runOpaque, telemetry: runTelemetry, soak: runSoak } as const
if (values.help || positionals.length !== 1 || !isScenario(scenario)) {
  process.stderr.write(usage)
  process.exit(values.help ? 0 : 2)
}

const progress = (line: string): void => void process.stderr.write(`${line}\n`)
process.exit(await runs[scenario]())

async function runHot(): Promise<number> {
  const result = await hot({
    rounds: atLeastOne('rounds'),
    seconds: atLeastOne('seconds'),
    connections: atLeastOne('connections', 64),
    tokens: atLeastOne('tokens', 1000),
    progress,
  })
  process.stdout.write(values.output === 'json' ? `${JSON.stringify(result)}\n` : table(result))
  return 0
}

async function runOpaque(): Promise<number> {
  const result = await opaque({
    rounds: atLeastOne('rounds'),
    seconds: atLeastOne('seconds'),
    connections: atLeastOne('connections', 64),
    tokens: atLeastOne('tokens', 1000),
    rate: atLeastOne('rate'),
    steadySeconds: atLeastOne('steady'),
    progress,
  })
  process.stdout.write(values.output === 'json' ? `${JSON.stringify(result)}\n` : opaqueTable(result))
  return 0
}

async function runTelemetry(): Promise<number> {
  const result = await telemetry({
    rounds: atLeastOne('rounds'),
    seconds: atLeastOne('seconds'),
    connections: atLeastOne('connections', 64),
    tokens: atLeastOne('tokens', 1000),
    progress,
  })
  process.stdout.write(values.output === 'json' ? `${JSON.stringify(result)}\n` : telemetryTable(result))
  return 0
}

async function runSoak(): Promise<number> {
  setTimeout(() => {
    process.stderr.write(`not done after ${SOAK_LIMIT_MS} ms\n`)
    process.exit(1)
  }, SOAK_LIMIT_MS).unref()
  const result = await soak({
    connections: atLeastOne('connections', 10_000),
    megabytes: atLeastOne('megabytes'),
    tokens: atLeastOne('tokens', 5000),
    progress,
  })
  process.stdout.write(values.output === 'json' ? `${JSON.stringify(result)}\n` : soakTable(result))
  return result.broken.length === 0 ? 0 : 1
}

function isScenario(name: string | undefined): name is keyof typeof runs {
  return name !== undefined && Object.hasOwn(runs, name)
}

function atLeastOne(
  name: 'rounds' | 'seconds' | 'rate' | 'steady' | 'connections' | 'megabytes' | 'tokens',
  otherwise?: number,
): number {
  const value = Number(values[name] ?? otherwise)
  if (Number.isInteger(value) && value >= 1) return value
  process.stderr.write(`--${name} wants a whole number from 1 on\n`)
  process.exit(2)
}

function table(found: HotResult): string {
  return `
${found.rounds} rounds, ${found.tokens} known tokens; median (lowest–highest)

PROXY             CPU µs/REQUEST        REQUESTS/s
nginx, no policy  ${formatSpread(found.bare_cpu_us_per_request, 1).padEnd(20)}  ${formatSpread(found.bare_requests_per_second, 0)}
gatehouse         ${formatSpread(found.cpu_us_per_request, 1).padEnd(20)}  ${formatSpread(found.requests_per_second, 0)}

gatehouse / nginx ${formatSpread(found.ratio, 2)}
`
}
