import { randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream, existsSync } from 'node:fs'
import { open, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGzip, createZstdCompress } from 'node:zlib'

export type Compression = 'none' | 'gzip' | 'zstd'

const endings = { gzip: '.gz', zstd: '.zst' } as const

/**
 * Rotates an audit file: renames it so that the name contains the time. `audit.ndjson` becomes
 * `audit-20300131T120000000Z.ndjson`.
 */
export async function setAside(path: string): Promise<void> {
  for (let atMs = Date.now(); ; atMs++) {
    const aside = asideName(path, atMs)
    if (existsSync(aside) || Object.values(endings).some((ending) => existsSync(aside + ending))) continue
    await rename(path, aside)
    await syncFolder(dirname(path))
    return
  }
}

/** Compresses each rotated file of an audit sink that is not compressed yet, in order of their names. */
export async function compressAside(path: string, compression: Exclude<Compression, 'none'>): Promise<void> {
  const folder = dirname(path)
  for (const name of (await readdir(folder)).filter((name) => isAside(path, name)).toSorted()) {
    const source = join(folder, name)
    const target = source + endings[compression]
    // Write a separate part file: another worker may compress the same file at the same time. Each worker writes its
    // own part file. The first worker that finishes removes the part files of the others.
    const part = `${target}.${randomUUID()}.part`
    const packing = compression === 'gzip' ? createGzip() : createZstdCompress()
    try {
      await pipeline(createReadStream(source), packing, createWriteStream(part, { mode: 0o600, flush: true }))
      await rename(part, target)
    } catch (error) {
      if (!existsSync(source) && existsSync(target)) {
        await rm(part, { force: true })
        continue // Another worker finished the compression of this file first.
      }
      throw error
    }
    await syncFolder(folder)
    await rm(source, { force: true })
    const parts = (await readdir(folder)).filter(
      (name) => name.startsWith(`${basename(target)}.`) && name.endsWith('.part'),
    )
    for (const part of parts) await rm(join(folder, part), { force: true })
  }
}

/** Syncs a folder to disk, so that created, renamed and removed files are not undone by a power failure. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function asideName(path: string, atMs: number): string {
  const ending = extname(path)
  const stamp = new Date(atMs).toISOString().replaceAll(/[-:.]/g, '')
  return join(dirname(path), `${basename(path, ending)}-${stamp}${ending}`)
}

function isAside(path: string, name: string): boolean {
  const ending = extname(path)
  const start = `${basename(path, ending)}-`
  return (
    name.startsWith(start) &&
    /^\d{8}T\d{9}Z$/.test(name.slice(start.length, name.length - ending.length)) &&
    name.endsWith(ending)
  )
}
