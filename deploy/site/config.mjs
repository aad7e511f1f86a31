// The configuration of VitePress. `npm run docs:site` copies this file and its data beside the prepared pages.

import { readFileSync } from 'node:fs'

const { base, sidebar } = JSON.parse(readFileSync(new URL('site.json', import.meta.url), 'utf8'))

/** Derives anchors from headings as GitHub does, so that a link works on GitHub and on the site. */
const slugify = (title) =>
  title
    .toLowerCase()
    .replace(/[^\p{L}\p{N}_ -]/gu, '')
    .replaceAll(' ', '-')

export default {
  title: 'Gatehouse',
  description: 'The OAuth 2.0 access proxy in front of your microservices',
  base,
  outDir: '../site',
  cacheDir: '../vitepress-cache',
  lastUpdated: false,
  // The build checks all links itself, with their anchors.
  ignoreDeadLinks: true,
  // Pages contain no HTML: text in angle brackets is shown as text.
  markdown: { html: false, anchor: { slugify } },
  // The search index and the configuration reference are larger than the default of 500 kB.
  vite: { build: { chunkSizeWarningLimit: 4000 } },
  themeConfig: {
    search: { provider: 'local' },
    nav: [{ text: 'Project', link: '/project/readme' }],
    sidebar,
    outline: 'deep',
  },
}
