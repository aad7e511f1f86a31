/** One group of the navigation, as VitePress reads it. */
export interface SidebarGroup {
  readonly text: string
  readonly items: readonly { readonly text: string; readonly link: string }[]
}

/** The navigation of the site: the sections of docs/README.md, with the pages that each links to. */
export function sidebarOf(index: string): readonly SidebarGroup[] {
  return index
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const items = [...section.matchAll(/\[([^\]]+)\]\(([^)#]+\.md)\)/g)].map(([, text, link]) => ({
        text: text!,
        link: link!,
      }))
      return { text: section.slice(0, section.indexOf('\n')), items }
    })
    .filter(({ items }) => items.length > 0)
}
