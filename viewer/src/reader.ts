// Where the reader is: the line that keys are for, and the lines that the
// address names.

import { Chosen } from './chosen.ts'
import { copy } from './copy.ts'
import { plain } from './sgr.ts'
import { number } from './time.ts'
import type { Announcer } from './announce.ts'
import type { Feed } from './feed.ts'
import type { Finder } from './finder.ts'
import type { Overlay } from './overlay.ts'
import type { Shell } from './shell.ts'
import type { Shown } from './shown.ts'
import type { View } from './view.ts'

/** The parts of the viewer with which a reader moves. */
export interface Place {
  readonly shell: Shell
  readonly feed: Feed
  readonly view: View
  readonly shown: Shown
  readonly finder: Finder
  readonly overlay: Overlay
  readonly announcer: Announcer
}

export class Reader {
  current = -1 // the line that keys are for; -1 for none
  readonly chosen: Chosen
  private told = false // that the wanted line is not there yet

  constructor(private readonly at: Place, private readonly page: boolean) {
    this.chosen = new Chosen(page)
  }

  /** The line that keys are for, or the one at the top. */
  get line(): number { return this.current >= 0 ? this.current : (this.at.view.anchor()?.line ?? 0) }

  /** Lines have other indices now; NaN if they are gone. */
  shift(by: number): void {
    if (this.current >= 0) this.current += by
    if (!(this.current < this.at.feed.log.count)) this.current = -1
  }

  /** Shows a line, whatever hides it. */
  bring(line: number): void {
    const { view, shown, overlay } = this.at
    this.current = line
    view.unfollow()
    if (shown.uncover(line)) overlay.toast('the filter is off, to show the line')
    view.reveal(line)
    this.arrived()
  }

  private arrived(): void {
    const { feed, view, announcer } = this.at
    announcer.line(feed.whole ? this.current + 1 : 0, feed.log.text(this.current))
    view.update(true)
  }

  /** The reader goes elsewhere: what was to be shown once it is there is no longer. */
  leave(): void {
    this.chosen.wanted = null
    this.at.finder.leave()
  }

  move(by: number): void {
    const { view, shown } = this.at
    this.leave()
    this.current = this.current < 0 ? this.line : shown.beside(this.current, by)
    view.unfollow()
    view.reveal(this.current, 'near')
    this.arrived()
  }

  context(line: number): void {
    const { shown, shell } = this.at
    this.current = line
    shown.context(line, shell.port.clientHeight / 3)
    shell.port.focus()
    this.arrived()
  }

  toggle(line: number): void {
    const group = this.at.shown.groupOf(line)
    if (!group) return
    if (this.current > group.start && this.current <= group.end) this.current = group.start
    this.at.shown.toggle(group)
  }

  // ---- lines by their numbers

  /** The address may be another one. */
  read(): void {
    this.chosen.read()
    this.told = false
  }

  /** Shows the lines that the address names, once they are there. */
  look(over: boolean): void {
    const { feed, overlay } = this.at, { wanted } = this.chosen
    if (!wanted || !feed.whole) return
    if (wanted.from <= feed.log.count) {
      this.chosen.wanted = null
      this.bring(wanted.from - 1)
    } else if (over) {
      this.chosen.wanted = null
      overlay.toast(`there is no line ${wanted.from}: the log ends before`)
    } else if (feed.caught && !this.told) {
      this.told = true
      overlay.toast(`line ${wanted.from} is not there yet`)
    }
  }

  choose(line: number, extend: boolean): void {
    if (!this.at.feed.whole) return this.unknown()
    this.chosen.click(line + 1, extend)
    this.current = line
    this.at.view.update(true)
  }

  /** Nothing is chosen any more. */
  reset(): void {
    this.chosen.set(null)
    this.current = -1
    this.at.view.update(true)
  }

  private unknown(): void { this.at.overlay.toast('the line’s number is not known yet') }

  // ---- copies

  /** Copies a line, or all that are chosen if it is one of them. */
  copyLine(line: number): void {
    const { log, whole } = this.at.feed, { lines } = this.chosen, text = (n: number) => plain(log.text(n))
    if (!whole || !lines || !this.chosen.has(line + 1)) return this.copy(text(line), 'the line is copied')
    const from = lines.from - 1, count = Math.min(lines.to, log.count) - from
    this.copy(Array.from({ length: count }, (_, i) => text(from + i)).join('\n'), count === 1 ? 'the line is copied' : `${number(count)} lines are copied`)
  }

  copyLink(line: number): void {
    if (!this.page) return this.at.overlay.toast('only the log’s own page has links to lines')
    if (!this.at.feed.whole) return this.unknown()
    this.copy(this.chosen.link(line + 1), 'the link is copied')
  }

  private copy(text: string, done: string): void {
    void copy(text).then((copied) => this.at.overlay.toast(copied ? done : 'the browser does not let us copy'))
  }
}
