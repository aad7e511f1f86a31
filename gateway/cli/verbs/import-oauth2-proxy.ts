import { z } from 'zod'
import { readBytes } from '../../config/file-bytes.ts'
import { importOAuth2Proxy } from '../import/oauth2-proxy/import-oauth2-proxy.ts'
import { outFlag, writeImport } from '../import/write-import.ts'
import { exitCodes } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

/** `gatehouse import oauth2-proxy FILE…`: makes a policy and settings from the configuration of oauth2-proxy. */
export const verb = defineVerb({
  description: 'Make a policy from files of oauth2-proxy: config file, alpha config, environment, or flags',
  arguments: {
    file: z.array(z.string()).register(flag, {
      help: 'files that state options; an option in a later file replaces that of an earlier one',
    }),
  },
  flags: {
    issuer: z.string().optional().register(flag, {
      value: 'url',
      help: 'issuer of the users, for a provider without OpenID Connect (default: that of the provider)',
    }),
    settings: z
      .string()
      .optional()
      .register(flag, { value: 'file', help: 'also write settings for gatehouse.yaml to this new file' }),
    out: outFlag,
  },
  examples: [
    {
      run: 'gatehouse import oauth2-proxy oauth2-proxy.cfg --out policy.yaml --settings gatehouse.yaml',
      does: 'writes both files; prints for each option: mapped, not needed, decide, or no equivalent',
    },
    { run: 'gatehouse import oauth2-proxy oauth2-proxy.cfg alpha.yaml', does: 'a config file with its alpha config' },
  ],
  exitCodes: {
    [exitCodes.invalid]: 'a file is invalid, or a file to write exists already',
    [exitCodes.usage]: 'wrong usage, or the files lack a value that the policy needs',
  },
  run: ({ file: files, issuer, settings, out }, output) => {
    const imported = importOAuth2Proxy(
      files.map((file) => ({ file, bytes: readBytes(file) })),
      issuer,
    )
    writeImport(imported, { out, settings }, output)
    return exitCodes.done
  },
})
