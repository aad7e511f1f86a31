import { z } from 'zod'
import { ListenError } from '../../base/listen-error.ts'
import { ConfigError } from '../../config/problem.ts'
import { serve } from '../../main.ts'
import { CliError, exitCodes } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

/** `gatehouse serve`: runs one node in the foreground until SIGTERM or SIGINT. */
export const verb = defineVerb({
  description: 'Run one gateway node until SIGTERM or SIGINT',
  flags: {
    config: z.string().optional().register(flag, {
      short: 'c',
      value: 'file',
      help: 'settings file; environment variables and flags override its values',
    }),
    listen: z
      .string()
      .optional()
      .register(flag, { value: 'address', help: 'listener for clients, host:port (default: 127.0.0.1:8080)' }),
    admin: z.string().optional().register(flag, {
      value: 'address',
      help: 'listener for probes, metrics and the admin API, host:port (default: 127.0.0.1:9090)',
    }),
    policy: z.string().optional().register(flag, { value: 'path', help: 'path of the policy: a file or a folder' }),
  },
  examples: [
    { run: 'gatehouse serve --config gatehouse.yaml', does: 'with a settings file' },
    { run: 'gatehouse serve --policy policy.yaml', does: 'on 127.0.0.1:8080, with default settings' },
  ],
  exitCodes: {
    [exitCodes.done]: 'stopped gracefully',
    [exitCodes.invalid]: 'invalid settings or policy, or an address is in use: the node did not start',
    [exitCodes.crashed]: 'crashed: a supervisor should start the node again',
  },
  run: async ({ config, listen, admin, policy }) => {
    const flags = {
      ...(listen !== undefined && { listen }),
      ...(admin !== undefined && { admin: { listen: admin } }),
      ...(policy !== undefined && { policy: { path: policy } }),
    }
    try {
      await serve({ config, flags })
    } catch (error) {
      if (error instanceof ConfigError) throw error
      const message = error instanceof Error ? error.message : String(error)
      throw new CliError(exitCodes.invalid, 'GH_START', message, error instanceof ListenError ? error.hint : undefined)
    }
  },
})
