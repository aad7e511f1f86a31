import { z } from 'zod'
import { offsetFlag, runDemo } from '../demo-program.ts'
import { CliError, exitCodes } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

/** `gatehouse demo token`: prints an access token of the running demo. */
export const verb = defineVerb({
  description: 'Print only an access token from the issuer of the running demo',
  flags: {
    client: z.enum(['reader', 'writer', 'clerk', 'ops', 'web']).optional().register(flag, {
      value: 'id',
      help: 'OAuth client that requests the token for itself (default: reader), or web for a token of a user',
    }),
    user: z
      .enum(['alice', 'bob'])
      .optional()
      .register(flag, { value: 'name', help: 'user of the token, who logs in with authorization code and PKCE' }),
    scope: z.string().optional().register(flag, {
      value: 'scopes',
      help: 'scopes of the token, separated by spaces (default: all scopes of the client)',
    }),
    resource: z.string().optional().register(flag, { value: 'url', help: 'audience of the token (default: the gate)' }),
    opaque: z
      .boolean()
      .default(false)
      .register(flag, { help: 'print an opaque token, which only the issuer can read, instead of a JWT' }),
    portOffset: offsetFlag,
  },
  examples: [
    { run: 'gatehouse demo token --client writer', does: 'for a client that acts for itself' },
    { run: 'gatehouse demo token --user alice --scope "orders:read"', does: 'for a user, with one scope' },
  ],
  exitCodes: {
    [exitCodes.invalid]: 'the issuer refused the token; its reason is printed',
    [exitCodes.unreachable]: 'the demo is not running',
  },
  run: ({ portOffset, output, opaque, client, user, scope, resource }) => {
    if (client !== undefined && (client === 'web') !== (user !== undefined)) {
      const message = '--user and --client web must be given together'
      throw new CliError(exitCodes.usage, 'GH_USAGE', message, 'add the missing one, or omit both for another client')
    }
    const words = Object.entries({ client, user, scope, resource }).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name}=${value}`],
    )
    return runDemo('token', portOffset, output, opaque ? [...words, '--opaque'] : words)
  },
})
