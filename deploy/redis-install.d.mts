import type { PackageLists } from './debian.mjs'

export function installRedis(lists: PackageLists): Promise<void>
