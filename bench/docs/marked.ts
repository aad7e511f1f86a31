/**
 * Puts text between the two marks of that name, `<!-- bench:NAME -->` and `<!-- /bench:NAME -->`, each on a line of its own.
 *
 * @throws {Error} when the page does not have both, once
 */
export function marked(page: string, name: string, text: string): string {
  const [open, close] = [`<!-- bench:${name} -->\n`, `<!-- /bench:${name} -->`]
  const [before, rest, ...more] = page.split(open)
  const [, after, ...others] = (rest ?? '').split(close)
  if (after === undefined || more.length + others.length > 0)
    throw new Error(`the page wants ${open.trim()} … ${close} once`)
  return `${before}${open}${text.trim()}\n${close}${after}`
}
