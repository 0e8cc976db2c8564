// The rows that can be seen, and some around them, of however many there are.
// They stand in the order of the log in one slab, which is moved to where they
// belong: readers, selections and screen readers find them in order.

import { Heights } from './heights.ts'
import { Scroll } from './scroll.ts'
import { Witness } from './witness.ts'
import { makeRow, type Row } from './row.ts'
import type { Rows } from './rows.ts'

/** The height of a row in px: fingers need more. The style has it as --row. */
export const ROW = globalThis.matchMedia?.('(pointer: coarse)').matches ? 24 : 20
const OVERSCAN = 400 // px above and below

export interface Drawing {
  draw(row: Row, line: number): void
  /** How high a line is likely to be when it is wrapped. */
  estimate(line: number): number
  /** Heights are about to be estimated, all of them. */
  measure(): void
}

export interface Watcher {
  followed(on: boolean): void
  rendered(): void
}

export interface Anchor { line: number; delta: number }

export class View {
  following = true
  wrap = false
  private readonly scroll: Scroll
  private readonly witness: Witness
  private readonly sizes = new ResizeObserver(() => this.resized())
  private readonly heights = new Heights()
  private readonly measured = new Map<number, number>() // heights of lines that are not as they were estimated
  private readonly pool: Row[] = []
  private shown: Row[] = [] // of rows from, from + 1, …
  private from = 0
  private stale = false // all is to be drawn anew
  private frame = 0
  private seen = 0 // the offset of the last render
  private tall = 0 // the height of the port then
  private width = 0
  private sideways = false // a mark in a long line is yet to be brought into view, downwards where it is wrapped

  constructor(
    private readonly port: HTMLElement,
    canvas: HTMLElement,
    private readonly slab: HTMLElement,
    private rows: Rows,
    private readonly drawing: Drawing,
    private readonly watcher: Watcher,
  ) {
    this.scroll = new Scroll(port, canvas)
    this.witness = new Witness(port)
    port.addEventListener('scroll', () => this.scrolled(), { passive: true })
    this.sizes.observe(port)
  }

  stop(): void {
    this.sizes.disconnect()
    cancelAnimationFrame(this.frame)
  }

  get count(): number { return this.rows.count }

  /** Something about rows has changed, or there are more. */
  update(stale = false): void {
    this.stale ||= stale
    this.frame ||= requestAnimationFrame(() => this.render())
  }

  /** Lines from one until another look different. */
  redraw(from: number, to: number): void {
    for (const row of this.shown) if (row.line >= from && row.line < to) this.drawing.draw(row, row.line)
  }

  /** Lines have other indices now; NaN if they are gone. */
  shift(by: number): void { for (const row of this.shown) row.line += by }

  /** Other rows; what the reader looks at stays where it is. */
  setRows(rows: Rows, anchor: Anchor | null): void {
    this.heights.cut(rows.common(this.rows))
    this.rows = rows
    this.measureAll()
    this.scroll.resize(this.total)
    if (this.following) this.scroll.go(this.scroll.most)
    else if (anchor && rows.count) this.scroll.go(this.offset(this.rowOf(anchor.line)) + anchor.delta)
    this.see()
    this.stale = true
    this.render()
  }

  /** Lines are wrapped elsewhere, or are others: no height is what it was. */
  relayout(anchor: Anchor | null, rows = this.rows): void {
    this.heights.cut(0)
    this.measured.clear()
    this.setRows(rows, anchor)
  }

  /** The line at the top, and how much of it is above the edge. */
  anchor(): Anchor | null {
    if (!this.rows.count) return null
    const top = this.scroll.top, row = this.rowAt(top)
    return { line: this.rows.lineAt(row), delta: top - this.offset(row) }
  }

  /** Brings a line into view, if it is not there. The reader stays with it, even at the end. */
  reveal(line: number, where: 'centre' | 'near' = 'centre'): void {
    if (!this.rows.count) return
    this.sideways = where === 'centre'
    this.measureAll()
    this.scroll.resize(this.total)
    const row = this.rowOf(line), top = this.scroll.top, height = this.scroll.height
    const begin = this.offset(row), end = begin + this.height(row)
    if (begin >= top + ROW && end <= top + height - ROW) return
    const to = where === 'centre' ? begin - height / 3 : begin < top + ROW ? begin - ROW : end - height + ROW
    this.setFollowing(false)
    this.go(to)
  }

  top(): void { this.reach(0) }

  follow(): void {
    this.setFollowing(true)
    this.update()
  }

  unfollow(): void { this.setFollowing(false) }

  private reach(to: number): void {
    this.setFollowing(to >= this.scroll.most - 2)
    this.go(to)
  }

  private go(to: number): void {
    this.scroll.go(to)
    this.see()
    this.update()
  }

  private setFollowing(on: boolean): void {
    if (on === this.following) return
    this.following = on
    this.watcher.followed(on)
  }

  // A reader who scrolls up, be it by a pixel, is never moved; one who comes to
  // the end follows. A window that gets higher moves up what is shown, too, and
  // may by now be as it was.
  private scrolled(): void {
    const top = this.scroll.top
    if (this.scroll.height !== this.tall || this.witness.moved) return this.update()
    if (top > this.seen && top >= this.scroll.most - 2) this.setFollowing(true)
    else if (top < this.seen && top < this.scroll.most) this.setFollowing(false)
    this.update()
  }

  private resized(): void {
    const { clientWidth } = this.port
    if (this.wrap && clientWidth !== this.width) this.relayout(this.anchor())
    else this.update()
    this.width = clientWidth
  }

  private get total(): number { return this.wrap ? this.heights.total : this.rows.count * ROW }
  private offset(row: number): number { return this.wrap ? this.heights.offset(row) : row * ROW }
  private height(row: number): number { return this.wrap ? this.heights.get(row) : ROW }

  // The row of a line, or the nearest one.
  private rowOf(line: number): number { return Math.max(0, this.rows.rowAt(line)) }

  private rowAt(offset: number): number {
    if (this.wrap) return this.heights.rowAt(Math.max(0, offset))
    return Math.max(0, Math.min(Math.floor(offset / ROW), this.rows.count - 1))
  }

  private measureAll(): void {
    if (!this.wrap) return
    if (this.heights.count === 0) this.drawing.measure()
    for (let i = this.heights.count; i < this.rows.count; i++) {
      const line = this.rows.lineAt(i)
      this.heights.push(this.measured.get(line) ?? this.drawing.estimate(line))
    }
  }

  private render(): void {
    cancelAnimationFrame(this.frame)
    this.frame = 0
    this.measureAll()
    this.scroll.resize(this.total)
    if (this.following) this.scroll.go(this.scroll.most)
    this.place()
    if (this.wrap && this.correct()) this.place()
    this.see()
    if (this.sideways) this.showMark()
    this.watcher.rendered()
  }

  private see(): void {
    this.seen = this.scroll.top
    this.tall = this.scroll.height
    this.witness.see()
  }

  private showMark(): void {
    this.sideways = false
    const mark = this.slab.querySelector('.now')
    if (!mark) return
    const { left, right, top, bottom } = mark.getBoundingClientRect(), view = this.port.getBoundingClientRect()
    if (top < view.top || bottom > view.bottom) this.go(this.scroll.top + top - view.top - view.height / 3)
    if (this.wrap) return
    if (right > view.right - 20) this.port.scrollLeft += right - view.left - view.width * 0.6
    else if (left < view.left + 100) this.port.scrollLeft += left - view.left - view.width * 0.4
  }

  private place(): void {
    const top = this.scroll.top, count = this.rows.count
    const from = count ? this.rowAt(top - OVERSCAN) : 0
    const to = count ? this.rowAt(top + this.scroll.height + OVERSCAN) + 1 : 0
    this.show(from, to)
    this.slab.style.top = this.scroll.place(this.offset(from)) + 'px'
  }

  // Rows of lines that stay are left where they are, so that selections and focus
  // live on; they are drawn anew only if something about them has changed.
  private show(from: number, to: number): void {
    const lines = Array.from({ length: to - from }, (_, i) => this.rows.lineAt(from + i)), wanted = new Set(lines)
    const [stay, leave] = [true, false].map((on) => this.shown.filter((row) => wanted.has(row.line) === on)) as [Row[], Row[]]
    for (const row of leave) this.release(row)
    let next = 0
    this.shown = lines.map((line) => {
      const row = stay[next]
      if (row?.line !== line) return this.make(line, row)
      next++
      if (this.stale) this.drawing.draw(row, line)
      return row
    })
    this.from = from
    this.stale = false
  }

  private make(line: number, before?: Row): Row {
    const row = this.pool.pop() ?? makeRow()
    row.line = line
    this.drawing.draw(row, line)
    this.slab.insertBefore(row.element, before?.element ?? null)
    return row
  }

  private release(row: Row): void {
    row.element.remove()
    if (this.pool.length < 200) this.pool.push(row)
  }

  // Takes the heights as they are. True if one was not as it was thought to be;
  // what is at the top then stays there.
  private correct(): boolean {
    const top = this.scroll.top, first = this.rowAt(top), delta = top - this.offset(first)
    let wrong = false
    this.shown.forEach(({ element, line }, i) => {
      if (!this.heights.set(this.from + i, element.offsetHeight)) return
      this.measured.set(line, element.offsetHeight)
      wrong = true
    })
    if (!wrong) return false
    this.scroll.resize(this.total)
    this.scroll.go(this.following ? this.scroll.most : this.offset(first) + delta)
    return true
  }
}
