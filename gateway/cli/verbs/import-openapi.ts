import { z } from 'zod'
import { readBytes } from '../../config/file-bytes.ts'
import { importOpenApi } from '../import/import-openapi.ts'
import { outFlag, writeImport } from '../import/write-import.ts'
import { exitCodes } from '../output.ts'
import { defineVerb, flag } from '../verb.ts'

/** `gatehouse import openapi FILE`: makes a policy with a route for each operation of an OpenAPI document. */
export const verb = defineVerb({
  description: 'Make a policy from an OpenAPI 3 or Swagger 2 document: a route for each operation, with its scopes',
  arguments: { file: z.string().register(flag, { help: 'document in YAML or JSON, at most 1 MiB' }) },
  flags: {
    issuer: z.string().optional().register(flag, {
      value: 'url',
      help: 'issuer of the access tokens (default: from openIdConnectUrl of the document)',
    }),
    audience: z.array(z.string()).default([]).register(flag, {
      value: 'audience',
      help: 'accepted aud of the tokens; can be repeated (default: origin of the first server)',
    }),
    upstream: z.string().optional().register(flag, {
      value: 'origin',
      help: 'address of the service behind the gate (default: origin of the first server)',
    }),
    service: z
      .string()
      .optional()
      .register(flag, { value: 'name', help: 'name of the service (default: from the title)' }),
    out: outFlag,
  },
  examples: [
    {
      run: 'gatehouse import openapi api.yaml --issuer https://idp.example --upstream http://127.0.0.1:3000',
      does: 'prints the policy; stderr has what needs a decision',
    },
    { run: 'gatehouse import openapi api.json --out policy.yaml', does: 'writes a new file and prints the notes' },
  ],
  exitCodes: {
    [exitCodes.invalid]: 'the document is invalid, or the file of --out exists already',
    [exitCodes.usage]: 'wrong usage, or the document lacks a value that a flag must state',
  },
  run: ({ file, issuer, audience, upstream, service, out }, output) => {
    const imported = importOpenApi(readBytes(file), file, { issuer, audience, upstream, service })
    writeImport(imported, { out }, output)
    return exitCodes.done
  },
})
