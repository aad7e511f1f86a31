/** Content of an HTML page of the gate. All texts are escaped when the page is rendered. */
export interface PageContent {
  readonly title: string
  /** Texts of the paragraphs of the page. */
  readonly says: readonly string[]
  /** Error texts of the issuer, shown as quotations. */
  readonly quoted?: readonly string[]
  readonly links?: readonly PageLink[]
  /** Label of a button that sends a POST request to the URL of the page. */
  readonly button?: string
  /**
   * Origins, besides the gate's own, to which the button may redirect the browser. Browsers apply `form-action` to
   * redirects too.
   */
  readonly leadsTo?: readonly string[]
}

export interface PageLink {
  readonly href: string
  readonly text: string
}
