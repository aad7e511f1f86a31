import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * Returns the only code block in this language on a page of docs/, with its placeholders replaced as a user would do.
 *
 * @param replaced  replacement for each placeholder; each placeholder must occur in the code block
 */
export function documented(page: string, language: string, replaced: Readonly<Record<string, string>>): string {
  const text = readFileSync(fileURLToPath(new URL(`../../docs/${page}`, import.meta.url)), 'utf8')
  const [block, second] = [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))]
  if (block === undefined || second !== undefined) throw new Error(`not one block of ${language} in docs/${page}`)
  return withReplaced(block[1]!, replaced, `the block of ${language} in docs/${page}`)
}

/**
 * Returns a configuration file of deploy/, with its placeholders replaced as a user would do.
 *
 * @param replaced  replacement for each placeholder; each placeholder must occur in the file
 */
export function deployed(path: string, replaced: Readonly<Record<string, string>>): string {
  const text = readFileSync(fileURLToPath(new URL(`../../deploy/${path}`, import.meta.url)), 'utf8')
  return withReplaced(text, replaced, `deploy/${path}`)
}

function withReplaced(text: string, replaced: Readonly<Record<string, string>>, where: string): string {
  return Object.entries(replaced).reduce((code, [from, to]) => {
    if (!code.includes(from)) throw new Error(`no ${from} in ${where}`)
    return code.replaceAll(from, to)
  }, text)
}
