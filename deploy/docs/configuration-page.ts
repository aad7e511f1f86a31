import { documentSchemas } from '../../gateway/cli/document-schemas.ts'
import { annotatedSchema, type DocumentSchema, type JsonSchema } from '../../gateway/config/json-schema.ts'
import { code, generatedNote, table } from './markdown.ts'

type Reload = JsonSchema['reload']

/** A mapping of the configuration with its keys. The page shows each mapping as one table. */
interface Group {
  readonly path: string
  readonly schema: JsonSchema
  readonly reload: Reload
}

/** Builds docs/reference/configuration.md: every key of the settings and of the policy. */
export function configurationPage(): string {
  return `# Configuration

${generatedNote}

There are two documents: the settings of a node, and the policy of a cluster. Both are strict: an unknown key is an error. All
problems are reported at once ([errors](errors.md)).

Editors with \`yaml-language-server\` complete and check both documents if the first line names the schema:

\`\`\`yaml
# yaml-language-server: $schema=./policy.schema.json
\`\`\`

The schemas are [policy.schema.json](schema/policy.schema.json) and [gatehouse.schema.json](schema/gatehouse.schema.json); \`gatehouse schema policy > policy.schema.json\` and \`gatehouse schema settings >
gatehouse.schema.json\` print the schemas of the installed version.

- A **duration** is one number and one unit: \`500ms\`, \`30s\`, \`5m\`, \`2h\`, \`7d\`.
- A **size** is one number and one unit: \`512B\`, \`64KiB\`, \`1MiB\`, \`1GiB\`.
- \`*\` in a path stands for a name of your choice, \`[]\` for the entries of a list.
- **Reload** says when a change takes effect: *live* at once, *restart* at the next start of the node.

## Settings: gatehouse.yaml

\`gatehouse serve --config\` reads this file. Every key can also be set by an environment variable: \`GATEHOUSE_\` and the path of the
key in upper case, joined by \`_\`. The variable of \`request.head_max\` is \`GATEHOUSE_REQUEST_HEAD_MAX\`. Flags override the environment, and the environment overrides the file.

${documentSection(documentSchemas.settings)}

## Policy: policy.yaml

A file, or a folder of files, each with its own services and issuers. \`gatehouse check\` validates the policy. A node watches the
files, and applies a changed policy completely or not at all.

${documentSection(documentSchemas.policy)}
`
}

function documentSection(document: DocumentSchema): string {
  const root = annotatedSchema(document)
  const groups = [...groupsOf({ path: '', schema: root, reload: root.reload })]
  for (const [name, definition] of Object.entries(root.definitions ?? {})) {
    if (definition.properties === undefined) groups.push({ path: name, schema: definition, reload: root.reload })
    groups.push(...groupsWithin(name, definition, root.reload))
  }
  return groups.map(groupSection).join('\n\n')
}

/** Yields a mapping and the mappings nested in it, outer mappings first. */
function* groupsOf(group: Group): Generator<Group> {
  yield group
  for (const [key, entry] of Object.entries(group.schema.properties ?? {})) {
    yield* groupsWithin(group.path === '' ? key : `${group.path}.${key}`, entry, entry.reload ?? group.reload)
  }
}

function* groupsWithin(path: string, entry: JsonSchema, reload: Reload): Generator<Group> {
  if (entry.properties !== undefined) yield* groupsOf({ path, schema: entry, reload })
  if (typeof entry.additionalProperties === 'object')
    yield* groupsWithin(`${path}.*`, entry.additionalProperties, reload)
  if (entry.items !== undefined) yield* groupsWithin(`${path}[]`, entry.items, reload)
  for (const option of entry.anyOf ?? []) yield* groupsWithin(path, option, reload)
}

const headers = ['key', 'type', 'default', 'bounds', 'reload', 'description']

function groupSection({ path, schema, reload }: Group): string {
  const rows = Object.entries(schema.properties ?? {}).map(([key, entry]) => [
    code(key),
    typeOf(entry),
    defaultOf(entry, schema.required?.includes(key) ?? false),
    boundsOf(entry),
    entry.reload ?? reload ?? '',
    entry.description ?? groupHint(path === '' ? key : `${path}.${key}`, entry),
  ])
  const title = path === '' ? '' : `### ${code(path)}${kindOf(schema)}\n\n`
  const about = path === '' || schema.description === undefined ? '' : `${schema.description}\n\n`
  return `${title}${about}${rows.length === 0 ? '' : table(headers, rows)}`.trimEnd()
}

/** Names the kind of a mapping that is one of several alternatives, such as one kind of audit sink. */
function kindOf({ properties }: JsonSchema): string {
  const kind = properties?.['type']?.const
  return typeof kind === 'string' ? ` with ${code(`type: ${kind}`)}` : ''
}

function definitionLink(name: string): string {
  return `[${name}](#${name})`
}

function groupHint(path: string, { properties }: JsonSchema): string {
  return properties === undefined ? '' : `See ${code(path)} below.`
}

function typeOf(entry: JsonSchema): string {
  if (entry.$ref !== undefined) return definitionLink(entry.$ref.split('/').at(-1)!)
  if (entry.allOf !== undefined) return entry.allOf.map(typeOf).join(' and ')
  if (entry.anyOf !== undefined) return [...new Set(entry.anyOf.map(typeOf))].join(' or ')
  if (entry.form !== undefined) return entry.form
  if (entry.enum !== undefined) return entry.enum.map((value) => code(String(value))).join(', ')
  if (entry.const !== undefined) return code(String(entry.const))
  switch (entry.type) {
    case 'array':
      return `list: ${entry.items === undefined ? 'anything' : typeOf(entry.items)}`
    case 'object':
      return typeof entry.additionalProperties === 'object'
        ? `mapping by name: ${typeOf(entry.additionalProperties)}`
        : 'mapping'
    case 'boolean':
      return '`true`, `false`'
    case 'integer':
      return 'whole number'
    case 'number':
      return 'number'
    default:
      return 'text'
  }
}

function defaultOf(entry: JsonSchema, required: boolean): string {
  if (required) return '*required*'
  if (entry.default === undefined || isEmptyMapping(entry.default)) return ''
  return code(typeof entry.default === 'string' ? entry.default : JSON.stringify(entry.default))
}

function isEmptyMapping(value: unknown): boolean {
  return JSON.stringify(value) === '{}'
}

function boundsOf(entry: JsonSchema): string {
  const { bounds, minimum, maximum, maxLength, minItems, minProperties, maxProperties } = entry
  if (bounds !== undefined) return bounds
  if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}`
  if (minItems !== undefined) return 'not empty'
  if (maxProperties === 1) return 'exactly one key'
  if (minProperties !== undefined) return 'at least one key'
  return maxLength === undefined ? '' : `up to ${maxLength} characters`
}
