import { join } from 'node:path'
import { hasApt, PackageLists } from '../debian.mjs'
import { localCache } from '../own-folder.mjs'
import { packageName, privateRedis, redisOnPath, unpackedRedis } from '../redis.mjs'
import { installRedis } from '../redis-install.mjs'

/**
 * Unpacks Redis from the packages of the operating system into the own folder of Gatehouse, unless a Redis exists or
 * the machine has no apt. In a checkout, set-up has already done so.
 *
 * @param say  called with one line before the download begins
 * @throws {Error} when apt fails
 */
export async function provideRedis(say: (line: string) => void): Promise<void> {
  if (process.env.GATEHOUSE_REDIS_URL || redisOnPath() !== undefined || unpackedRedis() !== undefined) return
  // `findRedis` reports how to install Redis on this machine.
  if (!hasApt()) return
  say(`Unpacking Redis for the demo into ${privateRedis}; the package ${packageName()} would do too …`)
  const lists = new PackageLists(join(localCache, 'package-lists'))
  try {
    await installRedis(lists)
  } finally {
    lists.remove()
  }
}
