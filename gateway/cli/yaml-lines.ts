import { Document, visit } from 'yaml'

/**
 * A document as lines of YAML that can be read back, by readers of YAML 1.1 too, to whom a bare 08:00 is a number. Texts
 * that a terminal would not show as they are stand in double quotes, where the escapes that `Output.line` makes of
 * them mean the same.
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
