// `npm run docs:site`: builds the documentation as a static site with search. The pages come from docs/ and a few files
// beside it. JSON documents (OpenAPI, JSON Schemas) are generated from the sources. A broken link ends the build with
// exit code 1. Only the first run needs the network: it installs VitePress with the hashes of
// deploy/site/vitepress/package-lock.json.
// --base /docs/  path of the site on its host; default /

import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { generatedPages, publishedFiles } from '../docs/pages.ts'
import { installPinned } from '../pinned-packages.ts'
import { brokenLinks } from './built-links.ts'
import { sidebarOf } from './sidebar.ts'
import { publishedAt, sitePage, sitePages } from './site-pages.ts'

const checkout = join(import.meta.dirname, '..', '..')
const work = join(checkout, '.gatehouse', 'docs-site')
const pagesFolder = join(work, 'pages')
const output = join(work, 'site')

try {
  process.exitCode = await build(process.argv.slice(2))
} catch (error) {
  console.error(`docs:site: ${(error as Error).message}`)
  process.exitCode = 1
}

/** Builds the site. @returns the exit code: 0 success, 1 VitePress failed or a link is broken, 2 wrong usage */
async function build(words: string[]): Promise<number> {
  const { values } = parseArgs({ args: words, options: { base: { type: 'string', default: '/' } } })
  const { base } = values
  if (!/^\/(?:[\w.-]+\/)*$/.test(base)) {
    console.error(`docs:site: --base is "${base}", expected a path such as /docs/`)
    return 2
  }
  await installPinned(join(import.meta.dirname, 'vitepress'), work, (packages) =>
    console.log(`installing VitePress (${packages} packages, pinned by hash) into ${work} …`),
  )
  await stage(base)
  rmSync(output, { recursive: true, force: true })
  const program = join(work, 'node_modules/vitepress/bin/vitepress.js')
  const { status } = spawnSync(process.execPath, [program, 'build', pagesFolder], { stdio: 'inherit' })
  if (status !== 0) return 1
  const broken = brokenLinks(output, base)
  for (const link of broken) console.error(`broken link: ${link}`)
  if (broken.length > 0) return 1
  console.log(`site: ${output}; any web server can serve it at ${base}`)
  return 0
}

/** Writes pages, linked files and the configuration into the folder that VitePress reads. */
async function stage(base: string): Promise<void> {
  rmSync(pagesFolder, { recursive: true, force: true })
  const pages = sitePages(checkout)
  const written = [...(await generatedPages()), ...(await publishedFiles())]
  const generated = new Map(written.map(([path, text]) => [`docs/${path}`, text]))
  const isFile = (path: string) =>
    generated.has(path) || (existsSync(join(checkout, path)) && statSync(join(checkout, path)).isFile())
  const files = new Set([...generated.keys()].filter((path) => path.endsWith('.json')))
  for (const [path, place] of pages) {
    const page = sitePage(path, readFileSync(join(checkout, path), 'utf8'), pages, isFile)
    write(join(pagesFolder, place), page.text)
    for (const file of page.files) files.add(file)
  }
  for (const path of files) {
    const target = join(pagesFolder, 'public', publishedAt(path))
    const text = generated.get(path)
    if (text !== undefined) write(target, text)
    else {
      mkdirSync(dirname(target), { recursive: true })
      cpSync(join(checkout, path), target)
    }
  }
  // This tsconfig.json prevents VitePress from reading the tsconfig.json of the project.
  write(join(pagesFolder, 'tsconfig.json'), '{}')
  const config = join(pagesFolder, '.vitepress')
  const sidebar = sidebarOf(readFileSync(join(pagesFolder, 'index.md'), 'utf8'))
  write(join(config, 'site.json'), JSON.stringify({ base, sidebar }))
  copyFileSync(join(import.meta.dirname, 'config.mjs'), join(config, 'config.mjs'))
}

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
