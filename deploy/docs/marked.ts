/**
 * Replaces the text between the marks `<!-- NAME -->` and `<!-- /NAME -->` of a page. Each mark stands on its own line.
 *
 * @throws {Error} when the page does not have both marks exactly once
 */
export function marked(page: string, name: string, text: string): string {
  const [open, close] = [`<!-- ${name} -->\n`, `<!-- /${name} -->`]
  const [before, rest, ...more] = page.split(open)
  const [, after, ...others] = (rest ?? '').split(close)
  if (after === undefined || more.length + others.length > 0)
    throw new Error(`the page must contain ${open.trim()} … ${close} exactly once`)
  return `${before}${open}${text.trim()}\n${close}${after}`
}
