/** One group of the site's navigation, in the form that VitePress reads. */
export interface SidebarGroup {
  readonly text: string
  readonly items: readonly { readonly text: string; readonly link: string }[]
}

/**
 * Builds the navigation of the site from docs/README.md: one group per section, with the pages that the section links
 * to.
 */
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
