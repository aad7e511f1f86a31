import { Document, visit } from 'yaml'

/**
 * Formats a document as lines of YAML. Values such as 08:00 are quoted, because YAML 1.1 parsers would read them as
 * numbers. Texts with non-ASCII or control characters are in double quotes: in these, YAML reads the escapes that
 * `Output.line` writes.
 */
export function yamlLines(value: object): string[] {
  const document = new Document(value, { aliasDuplicateObjects: false, compat: 'yaml-1.1' })
  visit(document, {
    Scalar(_key, node) {
      if (typeof node.value === 'string' && /[^\x20-\x7e]/.test(node.value)) node.type = 'QUOTE_DOUBLE'
    },
  })
  return document.toString({ lineWidth: 0 }).trimEnd().split('\n')
}
