import { Argument, Command } from 'commander'
import { jsonSchema } from '../config/json-schema.ts'
import { type DocumentKind, documentKinds, documentSchemas } from './document-schemas.ts'
import { addHelp } from './help.ts'
import { Output, type OutputFormat, outputOption } from './output.ts'

/** `gatehouse schema`: prints the JSON Schema of a document, for editors and validators. */
export function schemaCommand(): Command {
  const command = new Command('schema')
    .description('Print the JSON Schema of a document, for editors')
    .addArgument(new Argument('<document>', 'settings: gatehouse.yaml; policy: policy.yaml').choices(documentKinds))
    .addOption(outputOption())
    .action((document: DocumentKind, { output: format }: { output: OutputFormat }) => {
      const schema = jsonSchema(documentSchemas[document])
      const output = new Output(format)
      for (const line of JSON.stringify(schema, null, 2).split('\n')) output.line(line)
      output.document(schema)
    })
  return addHelp(command, [
    { run: 'gatehouse schema policy > policy.schema.json', does: 'name it in the first line of policy.yaml' },
    { run: 'gatehouse schema settings --output json', does: 'on one line' },
  ])
}
