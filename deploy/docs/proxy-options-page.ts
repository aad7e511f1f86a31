import { alphaFields } from '../../gateway/cli/import/oauth2-proxy/alpha-options.ts'
import type { OptionRule, OptionTold } from '../../gateway/cli/import/oauth2-proxy/option-rule.ts'
import { ProxyDraft } from '../../gateway/cli/import/oauth2-proxy/proxy-draft.ts'
import type { ProxyOption } from '../../gateway/cli/import/oauth2-proxy/proxy-option.ts'
import { optionSections } from '../../gateway/cli/import/oauth2-proxy/proxy-options.ts'
import { code, generatedNote, table } from './markdown.ts'
import { proxyOptionExamples } from './proxy-option-examples.ts'

/** Place of the example options: file names in examples are relative to this folder. */
const place = { file: import.meta.filename, line: undefined, column: undefined }

/** Options that only the importer has, with their name in an alpha config. */
const alphaNames: Readonly<Record<string, string>> = {
  alpha_upstream: 'upstreamConfig.upstreams',
  alpha_request_header: 'injectRequestHeaders',
  alpha_response_header: 'injectResponseHeaders',
}

/** Builds docs/reference/oauth2-proxy.md: what each option of oauth2-proxy becomes, by the rules of the importer. */
export function proxyOptionsPage(): string {
  const sections = Object.entries(optionSections).map(
    ([title, options]) =>
      `## ${title}\n\n${table(['option', 'result', 'where, why, or what to do instead'], rowsOf(options))}`,
  )
  const alpha = Object.entries(alphaFields).map(([field, key]) => [code(field), code(key)])
  return `# Options of oauth2-proxy

${generatedNote}

\`gatehouse import oauth2-proxy\` prints one line for each option: [move from oauth2-proxy](../guide/oauth2-proxy.md) explains the
results. This page has its line for every option of oauth2-proxy 7.15, by the name in the config file. Where the line depends on
the value, the table shows it for an example. \`main\` is the issuer entry that the import writes.

${sections.join('\n\n')}

## Alpha configuration

Each field has the result of the option with the same meaning.

${table(['field', 'option'], alpha)}
`
}

/** Builds the rows of a table. Options of one section with the same result share a row. */
function rowsOf(options: Readonly<Record<string, OptionRule>>): string[][] {
  const rows = new Map<string, { names: string[]; told: OptionTold }>()
  for (const [key, rule] of Object.entries(options)) {
    for (const [name, told] of linesOf(key, rule)) {
      const row = rows.get(told.join()) ?? { names: [], told }
      row.names.push(code(name))
      rows.set(told.join(), row)
    }
  }
  return [...rows.values()].map(({ names, told: [outcome, message] }) => [names.join(', '), outcome, message])
}

/**
 * Returns the results of one option: one for each of its examples; without examples, the result for the value true or
 * false.
 */
function linesOf(key: string, rule: OptionRule): (readonly [name: string, told: OptionTold])[] {
  const name = alphaNames[key] ?? key
  const examples = proxyOptionExamples[key]
  if (examples === undefined) {
    const [on, off] = [resultOf(rule, key, ['true']), resultOf(rule, key, ['false'])]
    if (on.join() === off.join()) return [[name, on]]
    return on[0] === 'not needed' ? [[`${name} = false`, off]] : [[name, on]]
  }
  const [first, ...more] = examples
  if (more.length === 0) return [[name, resultOf(rule, key, first!)]]
  return examples.map((values) => [`${name} = ${values.join(', ')}`, resultOf(rule, key, values)])
}

function resultOf(rule: OptionRule, key: string, values: readonly string[]): OptionTold {
  const stated = Object.entries({ ...proxyOptionExamples, [key]: [values] })
  const options = new Map(stated.map(([name, [first = []]]) => [name, optionOf(name, first)]))
  return rule(optionOf(key, values), new ProxyDraft(options))
}

const optionOf = (key: string, values: readonly string[]): ProxyOption => ({ key, values, place })
