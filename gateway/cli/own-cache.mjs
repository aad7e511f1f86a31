import { join } from 'node:path'

/** Folder for the cache of the command line. The folder may be missing or not writable. */
export const ownCache = join(import.meta.dirname, '..', '..', '.gatehouse', 'cache')
