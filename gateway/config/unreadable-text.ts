/** Remedies for a configuration file that cannot be read, by error code of the system. */
export const unreadableRemedies: Readonly<Record<string, string>> = {
  ENOENT: 'no file or folder has this path; a relative path starts at the working directory',
  EISDIR: 'this is a folder; name a file in it',
  EACCES: 'the user of this process may not read it; change its owner or mode',
}

/**
 * Describes why a file or folder cannot be read, and what to do.
 *
 * @param path  absolute path
 */
export function unreadableText(path: string, error: unknown): string {
  const { code = 'unknown' } = error as NodeJS.ErrnoException
  const remedy =
    code === 'ENOENT' ? 'no file or folder has this path; create it, or correct the path' : unreadableRemedies[code]
  return `${path} cannot be read (${code})${remedy === undefined ? '' : `: ${remedy}`}`
}
