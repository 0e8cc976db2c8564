// What the reader selects, by mouse, finger or keys. Rows leave the document when
// they are out of sight: so the two ends are remembered as places in the log, are
// put where they belong when rows come and go, and the log has what is copied.

import { plain } from './sgr.ts'
import type { Log } from './log.ts'
import type { Shell } from './shell.ts'
import type { Shown } from './shown.ts'

/** What is selected in. */
export interface Text {
  readonly shell: Shell
  readonly log: Log
  readonly shown: Shown
}

interface Place { line: number; at: number } // before a character; Infinity for the end of the line
type Ends = [from: Place, to: Place] // from where to where it was selected, up or down
type Spot = readonly [node: Node, offset: number] // a place in the document

export class Selected {
  private ends: Ends | null = null
  private before: Ends | null = null // when the mouse went down
  private put: Spot[] = [] // where they were put, as far as nobody has moved them
  private readonly over = new AbortController()

  constructor(private readonly of: Text) {
    const { signal } = this.over, { port } = of.shell
    document.addEventListener('selectionchange', this.hear, { signal })
    document.addEventListener('copy', this.copy, { signal })
    port.addEventListener('pointerdown', (e) => this.pressed(e), { signal })
  }

  stop(): void { this.over.abort() }

  /** Whether a text was selected since the mouse went down. What was before may be so still, when it is clicked. */
  get made(): boolean { return this.some && !(this.before && this.ends!.every((end, i) => same(end, this.before![i]!))) }

  private get some(): boolean {
    this.hear()
    return !!this.ends && !same(...this.ends)
  }

  private pressed(e: PointerEvent): void {
    this.before = this.ends
    if (e.pointerType === 'mouse' && !e.shiftKey) this.put = []
  }

  /** Lines have other indices now; NaN if they are gone. */
  shift(by: number): void {
    if (Number.isNaN(by)) this.ends = null
    for (const end of this.ends ?? []) end.line += by
  }

  all(): void {
    this.ends = [{ line: 0, at: 0 }, { line: this.of.log.count - 1, at: Infinity }]
    this.select()
  }

  /** Rows have come, gone or changed. */
  restore(): void {
    this.hear() // the reader may have gone on, to a field for instance, which is not told yet
    this.select()
  }

  private select(): void {
    if (!this.ends || !this.of.shell.slab.firstChild) return
    const [from, to] = this.wanted(this.ends), now = spots(this.root)
    if (now && equal(now[0], from) && equal(now[1], to)) return
    this.put = [from, to]
    getSelection()!.setBaseAndExtent(...from, ...to)
  }

  // Where in the document the ends are to be. If both are out of sight they are a
  // character apart, there: with nothing selected a browser lets go of a drag.
  private wanted(ends: Ends): [Spot, Spot] {
    const [from, to] = ends.map((end) => this.spot(end)) as [Spot, Spot], { firstElementChild: first, lastElementChild: last } = this.of.shell.slab
    if (same(...ends) || !equal(from, to)) return [from, to]
    const two: [Spot, Spot] | null = ends.every(({ line }) => line < lineOf(first!)) ? [from, within(first!, 1)] :
      ends.every(({ line }) => line > lineOf(last!)) ? [[to[0], Math.max(0, to[1] - 1)], to] : null
    return !two ? [from, to] : order(...ends) < 0 ? two : [two[1], two[0]]
  }

  private get root(): ShadowRoot { return this.of.shell.port.getRootNode() as ShadowRoot }

  private hear = (): void => {
    const now = spots(this.root), { slab } = this.of.shell
    const ours = now?.every(([node]) => this.root.contains(node)) && now.some(([node]) => slab.contains(node))
    this.ends = ours && slab.firstChild ? (now!.map((spot, i) => this.heard(spot, i)) as Ends) : null
  }

  // An end whose row has left is where it was.
  private heard(spot: Spot, i: number): Place {
    const { slab } = this.of.shell, before = this.ends?.[i], put = this.put[i]
    if (before && ((put && equal(spot, put)) || spot[0] === slab)) return before
    return place(spot) ?? (isBefore(spot, [slab, 1]) ? { line: lineOf(slab.firstElementChild!), at: 0 } : { line: lineOf(slab.lastElementChild!), at: Infinity })
  }

  // The place of an end in the document, or one as near as there is a row.
  private spot({ line, at }: Place): Spot {
    const { slab } = this.of.shell, row = [...slab.children].find((row) => lineOf(row) >= line)
    if (!row) return within(slab.lastElementChild!, Infinity)
    return within(row, lineOf(row) === line ? at : 0)
  }

  private copy = (e: ClipboardEvent): void => {
    const field = (e.composedPath()[0] as Element).closest?.('input, textarea')
    if (field || e.defaultPrevented || !this.some) return
    e.clipboardData!.setData('text/plain', this.text)
    e.preventDefault()
  }

  /** All that is between the ends, as it is shown, but whole lines where a part is drawn. */
  private get text(): string {
    const [from, to] = [...this.ends!].sort(order) as Ends, { log, shown } = this.of
    const lines: string[] = []
    for (const line of shown.between(from.line, to.line)) {
      const text = plain(log.text(line))
      lines.push(text.slice(line === from.line ? from.at : 0, line === to.line ? to.at : undefined))
    }
    return lines.join('\n')
  }
}

const order = (a: Place, b: Place) => a.line - b.line || a.at - b.at
const same = (a: Place, b: Place) => a.line === b.line && a.at === b.at
const equal = (a: Spot, b: Spot) => a[0] === b[0] && a[1] === b[1]
const lineOf = (row: Element) => Number((row as HTMLElement).dataset.line)

interface Composed { getComposedRanges?(of: { shadowRoots: ShadowRoot[] }): StaticRange[]; direction?: string }

// The ends in the document; null if nothing is selected. Browsers tell those that are in a shadow in different ways.
function spots(root: ShadowRoot & { getSelection?: () => Selection | null }): [Spot, Spot] | null {
  const all = getSelection() as (Selection & Composed) | null
  if (all?.getComposedRanges && all.direction !== undefined) {
    const [r] = all.getComposedRanges({ shadowRoots: [root] })
    const from: Spot | undefined = r && [r.startContainer, r.startOffset]
    return from ? (all.direction === 'backward' ? [[r!.endContainer, r!.endOffset], from] : [from, [r!.endContainer, r!.endOffset]]) : null
  }
  const s = root.getSelection?.() ?? all
  return s?.anchorNode ? [[s.anchorNode, s.anchorOffset], [s.focusNode!, s.focusOffset]] : null
}

// The texts of a line in its row.
function textsIn(row: Element): globalThis.Text[] {
  const walk = document.createTreeWalker(row.querySelector('.m')!, NodeFilter.SHOW_TEXT), texts: globalThis.Text[] = []
  for (let text; (text = walk.nextNode() as globalThis.Text | null);) if (!text.parentElement!.closest('.chip, .about')) texts.push(text)
  return texts
}

// Where in the log a place in the document is; null if it is in no row. After
// all that is drawn of a line is its end.
function place(spot: Spot): Place | null {
  const [node] = spot, row = (node instanceof Element ? node : node.parentElement)?.closest('.row')
  if (!row) return null
  let at = 0
  for (const text of textsIn(row)) {
    if (text === node && spot[1] < text.length) return { line: lineOf(row), at: at + spot[1] }
    if (!isBefore([text, text.length], spot)) return { line: lineOf(row), at }
    at += text.length
  }
  return { line: lineOf(row), at: Infinity }
}

function within(row: Element, at: number): Spot {
  const texts = textsIn(row)
  for (const text of texts) {
    if (at < text.length) return [text, at]
    at -= text.length
  }
  const last = texts.at(-1)!
  return [last, last.length]
}

// Whether one place is before another, or is that.
function isBefore([node, offset]: Spot, to: Spot): boolean {
  const range = document.createRange()
  range.setStart(...to)
  return range.comparePoint(node, offset) <= 0
}
