/** Note below the title of each generated page. */
export const generatedNote = '*Written by `npm run docs` from the sources. Change the sources, not this page.*'

/** Formats a Markdown table. A cell can contain any text without line breaks. */
export function table(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(headers), line(headers.map(() => '---')), ...rows.map(line)].join('\n')
}

export const code = (text: string): string => `\`${text}\``
