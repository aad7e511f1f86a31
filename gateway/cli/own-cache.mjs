import { join } from 'node:path'

/** Folder in which the command line stores what it can compute again. It may be missing, and not writable. */
export const ownCache = join(import.meta.dirname, '..', '..', '.gatehouse', 'cache')
