import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { basename, dirname } from 'node:path'

interface Packing {
  /** Time of all files, s since 1970. */
  readonly epochS: number
  /** Pattern of the names of files to leave out, as of GNU tar. */
  readonly without?: string
  /** True: the tar has the content of the folder. False, the default: it has the folder, as npm and Helm require. */
  readonly isRootless?: boolean
}

/**
 * Packs a folder as a gzipped tar. The same content gives the same bytes: names are sorted, owners and times are fixed.
 * Links are replaced by the files that they lead to. Needs GNU tar.
 */
export function packFolder(folder: string, file: string, { epochS, without, isRootless = false }: Packing): void {
  mkdirSync(dirname(file), { recursive: true })
  const fixed = ['--sort=name', `--mtime=@${epochS}`, '--owner=0', '--group=0', '--numeric-owner', '--mode=go-w']
  const excluded = without === undefined ? [] : [`--exclude=${without}`]
  const content = isRootless ? ['--directory', folder, '.'] : ['--directory', dirname(folder), basename(folder)]
  const words = [
    '--create',
    '--format=ustar',
    '--dereference',
    '--gzip',
    '--file',
    file,
    ...fixed,
    ...excluded,
    ...content,
  ]
  execFileSync('tar', words)
}
