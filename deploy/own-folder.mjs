import { ownCache, ownFolder } from '../gateway/cli/own-folder.mjs'

// The demo imports nothing from gateway/, so it imports these names.
export const localFolder = ownFolder
export const localCache = ownCache
