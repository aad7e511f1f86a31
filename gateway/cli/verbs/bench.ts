import { z } from 'zod'
import { programs, runProgram } from '../child-program.ts'
import { exitCodes } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

/** `gatehouse bench …`: the benchmark suite, a separate program that parses its own options. Only a checkout contains it. */
export const verb = defineVerb({
  description:
    'Run benchmarks, in a checkout only: compare the gate with its performance budgets and with other proxies',
  arguments: {
    words: z.array(z.string()).default([]).register(flag, {
      help: 'a benchmark scenario and its options, see `gatehouse bench hot --help`; without a scenario, the whole suite',
    }),
  },
  passThrough: true,
  examples: [
    { run: 'gatehouse bench --quick', does: 'a short run of the whole suite' },
    { run: 'gatehouse bench hot --output json', does: 'CPU time of a request with a cached token, as JSON' },
  ],
  exitCodes: { [exitCodes.invalid]: 'a budget was missed by more than its tolerance, or a part failed' },
  run: ({ words }) => runProgram(programs.bench, words),
})
