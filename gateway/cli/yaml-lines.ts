import { Document, visit } from 'yaml'

/**
 * Formats a document as lines of YAML. YAML 1.1 readers, which read an unquoted 08:00 as a number, also parse the
 * document correctly. Texts with non-ASCII or control characters are in double quotes, because the escapes of
 * `Output.line` have the same meaning in YAML double quotes.
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
