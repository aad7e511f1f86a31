import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { writeImageContext } from './image-context.ts'
import { packageFiles } from './package-files.ts'
import { packageManifest, shrinkwrap } from './package-manifest.ts'
import { makeSbom } from './sbom.ts'
import { packFolder } from './tarball.ts'

/** Paths of the files of a release. */
export interface Release {
  readonly folder: string
  readonly tarball: string
  readonly sbom: string
}

/**
 * Builds all files of a release in `folder`, which is emptied first. The same commit gives the same bytes.
 *
 * @param step  called after each file with its path relative to `folder`
 */
export function buildRelease(checkout: string, folder: string, step: (file: string) => void): Release {
  const { version, name } = packageManifest(checkout)
  const { commit, epochS } = headOf(checkout)
  const created = new Date(epochS * 1000).toISOString()
  const work = join(folder, 'work')
  rmSync(folder, { recursive: true, force: true })

  const tarball = `npm/${name}-${version}.tgz`
  const staged = join(work, 'package')
  writePackage(checkout, staged)
  packFolder(staged, join(folder, tarball), { epochS })
  step(tarball)

  const sbom = `${name}-${version}.cdx.json`
  writeFileSync(join(folder, sbom), `${JSON.stringify(makeSbom(staged, name, created), null, 2)}\n`)
  step(sbom)

  const chart = `chart/${name}-${version}.tgz`
  packFolder(join(checkout, 'deploy/helm/gatehouse'), join(folder, chart), { epochS, without: '*.md' })
  step(chart)

  const context = `image/${name}-image-${version}.tar.gz`
  writeImageContext(checkout, join(work, 'image'), { version, commit, created })
  packFolder(join(work, 'image'), join(folder, context), { epochS, isRootless: true })
  step(context)

  rmSync(work, { recursive: true })
  writeChecksums(folder)
  step('SHA256SUMS')
  return { folder, tarball: join(folder, tarball), sbom: join(folder, sbom) }
}

/** Writes the files of the npm package into `folder`, unpacked. */
export function writePackage(checkout: string, folder: string): void {
  const json = (name: string, value: object) => writeFileSync(join(folder, name), `${JSON.stringify(value, null, 2)}\n`)
  for (const { path, content } of packageFiles(checkout)) {
    const file = join(folder, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
  }
  chmodSync(join(folder, 'bin/gatehouse'), 0o755)
  json('package.json', packageManifest(checkout))
  json('npm-shrinkwrap.json', shrinkwrap(checkout))
}

function headOf(checkout: string): { readonly commit: string; readonly epochS: number } {
  const shown = execFileSync('git', ['show', '--no-patch', '--format=%H %ct', 'HEAD'], {
    cwd: checkout,
    encoding: 'utf8',
  })
  const [commit = '', seconds] = shown.trim().split(' ')
  return { commit, epochS: Number(seconds) }
}

/** Writes SHA256SUMS, which `sha256sum --check SHA256SUMS` in the folder reads. */
function writeChecksums(folder: string): void {
  const files = globSync('**/*.{tgz,gz,json}', { cwd: folder }).toSorted()
  const lines = files.map(
    (file) =>
      `${createHash('sha256')
        .update(readFileSync(join(folder, file)))
        .digest('hex')}  ${file}\n`,
  )
  writeFileSync(join(folder, 'SHA256SUMS'), lines.join(''))
}
