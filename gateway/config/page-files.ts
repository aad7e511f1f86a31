import { readFileSync, statSync } from 'node:fs'
import { formatSize } from '../base/size.ts'
import { unreadableText } from './unreadable-text.ts'

/** A file that the gate serves to browsers for its pages. */
export interface PageFile {
  /** Media type of the page file. */
  readonly type: string
  readonly content: Buffer
}

/** Maximum size of a logo or style sheet, bytes. */
const PAGE_FILE_MAX_BYTES = 64 * 1024

/** First bytes of each raster image format that is accepted as a logo, in latin1. */
const rasterFormats = [
  { type: 'image/png', start: /^\x89PNG\r\n\x1a\n/ },
  { type: 'image/jpeg', start: /^\xff\xd8\xff/ },
  { type: 'image/webp', start: /^RIFF[\s\S]{4}WEBP/ },
] as const

const xmlComment = /<!--[\s\S]*?-->/g
/** Start of an SVG document without its comments: at most an XML declaration and a document type before `<svg`. */
const svgStart = /^\s*(?:<\?xml[^>]*>\s*)?(?:<!DOCTYPE\s+svg[^>[]*>\s*)?<svg[\s>]/i
/**
 * Parts of an SVG document that can run a script. They are rejected although browsers run no script in `<img>`: a logo
 * does not need them.
 */
const svgScript = /<script|<foreignObject|\son[a-z]+\s*=|javascript:/i

/**
 * Parts of a style sheet that load another file, or that end the `<style>` element. They are rejected, because the
 * pages load only files of the gate. A backslash is rejected too: it begins an escape, such as `u\72l(` for `url(`.
 */
const foreignCss = ['@import', 'url(', 'image(', 'image-set(', '</style'] as const

/**
 * Reads the logo of the gate's pages.
 *
 * @throws {Error} when the file is unreadable, too large, or no image that pages can show
 */
export function readLogo(file: string): PageFile {
  const content = readPageFile(file)
  const bytes = content.toString('latin1')
  const raster = rasterFormats.find(({ start }) => start.test(bytes))
  if (raster !== undefined) return { type: raster.type, content }
  const text = textOf(content)
  if (text === undefined || !svgStart.test(text.replaceAll(xmlComment, ''))) {
    throw new Error(`${file} is no PNG, JPEG, WebP or SVG image; convert the logo to one of these formats`)
  }
  if (svgScript.test(text)) {
    throw new Error(
      `${file} is an SVG image with a script, an event handler or foreignObject; remove them, or use a PNG image`,
    )
  }
  return { type: 'image/svg+xml', content }
}

/**
 * Reads the style sheet of the gate's pages.
 *
 * @throws {Error} when the file is unreadable, too large, not UTF-8, or contains a part that loads another file
 */
export function readCss(file: string): PageFile {
  const content = readPageFile(file)
  const text = textOf(content)
  if (text === undefined) throw new Error(`${file} is not valid UTF-8; save the style sheet in UTF-8`)
  const lower = text.toLowerCase()
  const foreign = foreignCss.find((part) => lower.includes(part))
  if (foreign !== undefined) {
    const where = placeOf(file, lower, foreign)
    throw new Error(`${where} contains ${foreign}; remove it: the pages load nothing but pages.logo and pages.css`)
  }
  if (text.includes('\\')) {
    const where = placeOf(file, text, '\\')
    throw new Error(`${where} contains a backslash; write the character itself: an escape could hide url(`)
  }
  return { type: 'text/css; charset=utf-8', content }
}

/** Place of the first occurrence of a part of a file's text: file and line. */
function placeOf(file: string, text: string, part: string): string {
  return `${file}:${text.slice(0, text.indexOf(part)).split('\n').length}`
}

function textOf(content: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content)
  } catch {
    return undefined
  }
}

function readPageFile(file: string): Buffer {
  let size: number
  try {
    const found = statSync(file)
    if (!found.isFile()) throw new Error(`${file} is not a file; expected the path of a regular file`)
    ;({ size } = found)
    if (size <= PAGE_FILE_MAX_BYTES) return readFileSync(file)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new Error(code === undefined ? message : unreadableText(file, error))
  }
  throw new Error(`${file} has ${size} bytes; the maximum is ${formatSize(PAGE_FILE_MAX_BYTES)}: make the file smaller`)
}
