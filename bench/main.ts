import { parseArgs } from 'node:util'
import { formatSpread } from './harness/statistics.ts'
import { type HotResult, hot } from './scenarios/hot.ts'

const usage = `Usage: gatehouse bench hot [options]

  --rounds N        pairs of runs, each the bare proxy and then the gate (5)
  --seconds N       length of one run (4)
  --connections N   (64)
  --tokens N        distinct tokens (1000)
  --output FORMAT   text or json (text)
`

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    connections: { type: 'string', default: '64' },
    tokens: { type: 'string', default: '1000' },
    output: { type: 'string', default: 'text' },
    help: { type: 'boolean', default: false },
  },
})

if (values.help || positionals.length !== 1 || positionals[0] !== 'hot') {
  process.stderr.write(usage)
  process.exit(values.help ? 0 : 2)
}

const result = await hot({
  rounds: atLeastOne('rounds'),
  seconds: atLeastOne('seconds'),
  connections: atLeastOne('connections'),
  tokens: atLeastOne('tokens'),
  progress: (line) => process.stderr.write(`${line}\n`),
})
process.stdout.write(values.output === 'json' ? `${JSON.stringify(result)}\n` : table(result))
process.exit(0)

function atLeastOne(name: 'rounds' | 'seconds' | 'connections' | 'tokens'): number {
  const value = Number(values[name])
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
