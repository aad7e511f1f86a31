import { z } from 'zod'
import { jsonSchema } from '../../config/json-schema.ts'
import { documentKinds, documentSchemas } from '../document-schemas.ts'
import { defineVerb, flag } from '../verb.ts'

/** `gatehouse schema`: prints the JSON Schema of a document, for editors and validators. */
export const verb = defineVerb({
  description: 'Print the JSON Schema of a configuration document, for editors',
  arguments: {
    document: z.enum(documentKinds).register(flag, {
      help: 'kind of document: settings (gatehouse.yaml), policy (policy.yaml) or tests (file for check --tests)',
    }),
  },
  examples: [
    { run: 'gatehouse schema policy > policy.schema.json', does: 'name this file in the first line of policy.yaml' },
    { run: 'gatehouse schema settings --output json', does: 'on one line' },
  ],
  run: ({ document }, output) => {
    const schema = jsonSchema(documentSchemas[document])
    for (const line of JSON.stringify(schema, null, 2).split('\n')) output.line(line)
    output.document(schema)
  },
})
