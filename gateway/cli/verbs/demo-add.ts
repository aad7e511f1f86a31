import { z } from 'zod'
import { offsetFlag, runDemo } from '../demo-program.ts'
import { exitCodes } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

/** `gatehouse demo add URL`: lets the running demo protect a service of the user. */
export const verb = defineVerb({
  description: 'Put your own service behind the running demo, on both nodes, without a restart',
  arguments: {
    url: z.string().register(flag, { help: 'http or https URL of the service, such as http://127.0.0.1:3000' }),
  },
  flags: {
    scope: z.string().default('orders:read').register(flag, {
      value: 'scope',
      help: 'scope that a token needs, one of those that the issuer of the demo grants',
    }),
    name: z.string().default('mine').register(flag, {
      value: 'name',
      help: 'name of the service in the policy; its public path is /NAME/**, and the service receives the rest',
    }),
    portOffset: offsetFlag,
  },
  examples: [
    { run: 'gatehouse demo add http://127.0.0.1:3000 --scope orders:read', does: 'at http://127.0.0.1:8080/mine/' },
    { run: 'gatehouse demo add http://127.0.0.1:3000/v1 --name tickets', does: '/tickets/7 becomes /v1/7' },
  ],
  exitCodes: {
    [exitCodes.done]: 'both nodes protect the service',
    [exitCodes.invalid]: 'a node rejected the changed policy, which was restored',
    [exitCodes.usage]: 'wrong usage, or the issuer of the demo does not grant the scope',
    [exitCodes.unreachable]: 'the demo is not running',
  },
  run: ({ url, scope, name, portOffset, output }) =>
    runDemo('add', portOffset, output, [`--url=${url}`, `--scope=${scope}`, `--name=${name}`]),
})
