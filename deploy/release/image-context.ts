import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import baseImage from './base-image.json' with { type: 'json' }

/** Commit and time that the labels of the image state. */
export interface ImageSource {
  readonly version: string
  readonly commit: string
  /** Time of the commit, RFC 3339. */
  readonly created: string
}

/**
 * Writes the build context of the image: the files that the Dockerfile copies, and a Dockerfile whose base image is
 * named by its digest and whose labels state version and commit. `docker build -` accepts the packed folder.
 */
export function writeImageContext(checkout: string, folder: string, source: ImageSource): void {
  mkdirSync(join(folder, 'deploy'), { recursive: true })
  for (const path of [
    'package.json',
    'package-lock.json',
    'tsconfig.json',
    '.npmrc',
    'LICENSE',
    'bin',
    'gateway',
    'workers',
    'deploy/demo',
  ]) {
    const filter = (name: string) => !/\.md$|\/node_modules$|\/console\/dist$/.test(name)
    cpSync(join(checkout, path), join(folder, path), { recursive: true, filter })
  }
  writeFileSync(
    join(folder, 'Dockerfile'),
    releaseDockerfile(readFileSync(join(checkout, 'Dockerfile'), 'utf8'), source),
  )
}

/**
 * Pins the base image of a Dockerfile and adds the labels to its last stage, which is the gate.
 *
 * @throws {Error} when the Dockerfile has another base image than `base-image.json`
 */
export function releaseDockerfile(dockerfile: string, { version, commit, created }: ImageSource): string {
  const { image, digest } = baseImage
  const line = `ARG NODE_IMAGE=${image}\n`
  if (!dockerfile.includes(line)) {
    throw new Error(
      `the Dockerfile has another base image than deploy/release/base-image.json: expected ${line.trim()}`,
    )
  }
  const labels = {
    title: 'Gatehouse',
    description: 'The OAuth 2.0 access proxy in front of your microservices',
    licenses: 'Apache-2.0',
    version,
    revision: commit,
    created,
    'base.name': `docker.io/library/${image}`,
    'base.digest': digest,
  }
  const stated = Object.entries(labels).map(
    ([name, text]) => `org.opencontainers.image.${name}=${JSON.stringify(text)}`,
  )
  return `${dockerfile.replace(line, `ARG NODE_IMAGE=${image}@${digest}\n`).trimEnd()}\nLABEL ${stated.join(' \\\n  ')}\n`
}
